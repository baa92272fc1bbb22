# Copyright (c) mmavs developers. All rights reserved.
"""The sound in a level, against eq. 1 and 2 of AQFormer written out."""

import math

import pytest
import torch
from clips import clip_layout, rows_of

from mmavs.models.fusion import AudioLevelFusion

SIZES = dict(visual_channels=5, audio_channels=4, embed_dims=6, key_channels=3)
LAYOUTS = [clip_layout(2, 3), clip_layout(2, 3, has_padding=True)]


def build(mode):
    torch.manual_seed(0)
    return AudioLevelFusion(mode, **SIZES).double()


def draw(layout):
    torch.manual_seed(1)
    rows = len(layout.row_valid)
    shapes = ((rows, 6, 2, 3), (rows, 5, 2, 3), (rows, 4))
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


def weights_of(mode, products):
    """Of one pixel, for its products with the sounds."""
    if mode == 'gate':
        return [1 / (1 + math.exp(-product)) for product in products]
    powers = [math.exp(product) for product in products]
    return [power / sum(powers) for power in powers]


@torch.no_grad()
@pytest.mark.parametrize('mode', ['add', 'softmax', 'gate', 'clip'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_pixel_hears_as_the_equations_say(mode, layout):
    fusion, (projected, feat, audio) = build(mode), draw(layout)
    found = fusion(projected, feat, audio, layout)
    for clip in range(2):
        frames = rows_of(layout, clip)
        for t in frames:
            sounds = frames if mode == 'clip' else [t]
            values = [fusion.value_proj(audio[s]) for s in sounds]
            for y, x in torch.cartesian_prod(torch.arange(2), torch.arange(3)).tolist():
                weights = [1.0]
                if mode != 'add':
                    query = fusion.query_proj.weight.flatten(1) @ feat[t, :, y, x]
                    query = query + fusion.query_proj.bias
                    keys = [fusion.key_proj(audio[s]) for s in sounds]
                    weights = weights_of(mode, [query @ key / math.sqrt(3) for key in keys])
                heard = sum(w * value for w, value in zip(weights, values))
                assert torch.allclose(found[t, :, y, x], projected[t, :, y, x] + heard, atol=1e-12)


def test_the_printed_softmax_is_the_sum_and_its_query_and_key_are_dead():
    layout = clip_layout(2, 3)
    add, printed, inputs = build('add'), build('softmax'), draw(layout)
    printed.value_proj.load_state_dict(add.value_proj.state_dict())
    found = printed(*inputs, layout)
    assert torch.allclose(found, add(*inputs, layout), atol=1e-12)
    found.square().sum().backward()
    dead = {name for name, p in printed.named_parameters() if p.grad.abs().max() < 1e-12}
    assert dead == {f'{part}.{leaf}' for part in ('query_proj', 'key_proj')
                    for leaf in ('weight', 'bias')}  # fmt: skip
    assert {name.split('.')[0] for name, _ in add.named_parameters()} == {'value_proj'}


@pytest.mark.parametrize('mode', ['gate', 'clip'])
def test_gradients(mode):
    layout = clip_layout(1, 2)
    fusion = build(mode)
    inputs = [x.requires_grad_() for x in draw(layout)]
    torch.autograd.gradcheck(lambda *x: fusion(*x, layout), inputs)


def test_unknown_mode():
    with pytest.raises(ValueError, match=r"mode must be one of .*, got 'sum'"):
        AudioLevelFusion('sum')

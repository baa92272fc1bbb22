# Copyright (c) mmavs developers. All rights reserved.
"""ABTI against eq. 9 to 12 of AQFormer, one pixel, sound and frame at a time."""

import math

import pytest
import torch
from clips import clip_layout, rows_of

from mmavs.models.fusion import AudioBridge

HEADS = 2
SIZES = dict(embed_dims=5, audio_channels=4, bridge_channels=6, num_heads=HEADS, max_frames=4)
LITERAL = dict(scaled=False, positions=False, remap='literal')
OPTIONS = [{}, LITERAL, dict(remap='maxnorm'), dict(scaled=False), dict(positions=False)]
LAYOUTS = [clip_layout(2, 3), clip_layout(2, 3, has_padding=True)]


def build(**options):
    torch.manual_seed(0)
    return AudioBridge(**SIZES, **options).double()


def draw(layout):
    torch.manual_seed(1)
    rows = len(layout.row_valid)
    return [torch.randn(shape, dtype=torch.float64) for shape in ((rows, 5, 2, 3), (rows, 4))]


def softmax(numbers):
    powers = [number.exp() for number in numbers]
    return [power / sum(powers) for power in powers]


def attention(bridge, objects, codes):
    """Post-norm multi-head self-attention of a list of vectors; codes for queries and keys."""
    attn = bridge.attention.attn
    parts = zip(attn.in_proj_weight.chunk(3), attn.in_proj_bias.chunk(3))
    (wq, bq), (wk, bk), (wv, bv) = parts
    queries = [(wq @ (o + c) + bq).chunk(HEADS) for o, c in zip(objects, codes)]
    keys = [(wk @ (o + c) + bk).chunk(HEADS) for o, c in zip(objects, codes)]
    values = [(wv @ o + bv).chunk(HEADS) for o in objects]
    results = []
    for one, query in zip(objects, queries):
        heads = []
        for h in range(HEADS):
            weights = softmax([query[h] @ key[h] / math.sqrt(6 / HEADS) for key in keys])
            heads.append(sum(w * value[h] for w, value in zip(weights, values)))
        summed = one + attn.out_proj(torch.cat(heads))
        centred = summed - summed.mean()
        normed = centred / (centred.square().mean() + 1e-5).sqrt()
        results.append(normed * bridge.norm.weight + bridge.norm.bias)
    return results


def reference(bridge, feature, audio, scaled=True, positions=True, remap='literal'):
    """One clip: maps (T, D, h, w) and sounds (T, C_a)."""
    pixels = feature.flatten(2).transpose(1, 2)
    frames = range(len(feature))
    shares, objects, codes = {}, [], []
    for q in frames:
        for p in frames:
            sound = bridge.audio_proj(audio[p])
            products = [sound @ bridge.match_proj(pixel) for pixel in pixels[q]]
            scale = math.sqrt(6) if scaled else 1
            shares[p, q] = softmax([product / scale for product in products])
            values = [bridge.gather_proj(pixel) for pixel in pixels[q]]
            objects.append(sum(s * value for s, value in zip(shares[p, q], values)))
            codes.append(torch.zeros(6, dtype=torch.float64))
            if positions:
                codes[-1] = bridge.sound_embed.weight[p] + bridge.frame_embed.weight[q]
    objects = attention(bridge, objects, codes)
    result = pixels.clone()
    for q in frames:
        for p in frames:
            output = bridge.output_proj(objects[q * len(frames) + p])
            largest = max(shares[p, q]) if remap == 'maxnorm' else 1
            for i, share in enumerate(shares[p, q]):
                result[q, i] += share / largest * output
    looks = [[torch.stack(shares[p, q]).view(2, 3) for p in frames] for q in frames]
    return result.transpose(1, 2).view_as(feature), torch.stack([torch.stack(x) for x in looks])


@torch.no_grad()
@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('layout', LAYOUTS)
def test_the_equations(options, layout):
    """Also: a clip that is padded gives what it gives alone."""
    bridge, (feature, audio) = build(**options), draw(layout)
    bridged, shares = bridge(feature, audio, layout)
    for clip in range(2):
        rows = rows_of(layout, clip)
        expected, looks = reference(bridge, feature[rows], audio[rows], **options)
        assert torch.allclose(bridged[rows], expected, atol=1e-10)
        assert torch.allclose(shares[rows][:, : len(rows)], looks, atol=1e-10)
        assert (shares[rows][:, len(rows) :] == 0).all()
        assert not torch.allclose(bridged[rows], feature[rows], atol=1e-3)


@pytest.mark.parametrize('options', [{}, dict(remap='maxnorm')])
def test_gradients(options):
    layout = clip_layout(1, 2)
    bridge = build(**options)
    inputs = [x.requires_grad_() for x in draw(layout)]
    torch.autograd.gradcheck(lambda *x: bridge(*x, layout)[0], inputs)


def test_every_parameter_gets_a_gradient():
    layout = clip_layout(2, 3)
    bridge = build()
    bridge(*draw(layout), layout)[0].square().sum().backward()
    in_proj = bridge.attention.attn.in_proj_bias.grad.chunk(3)
    assert in_proj[1].abs().max() < 1e-12  # a bias of the keys changes no softmax
    for name, parameter in bridge.named_parameters():
        assert parameter.grad.abs().max() > 1e-9, name


@torch.no_grad()
def test_positions_tell_the_frames_apart():
    """Without them, frames that change places give results that change places."""
    layout, order = clip_layout(3), [2, 0, 1]
    for positions in (False, True):
        bridge, (feature, audio) = build(positions=positions), draw(layout)
        found = bridge(feature, audio, layout)[0][order]
        moved = bridge(feature[order], audio[order], layout)[0]
        assert torch.allclose(found, moved, atol=1e-10) != positions


@torch.no_grad()
def test_sums_over_pixels_are_float32_under_autocast():
    """4096 pixels, of which bfloat16 would add up little."""
    bridge, layout = build().float(), clip_layout(2)
    feature, audio = torch.randn(2, 5, 64, 64), torch.randn(2, 4)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        bridged, shares = bridge(feature, audio, layout)
    assert bridged.dtype == shares.dtype == torch.float32
    assert torch.allclose(shares.sum((-2, -1)), torch.ones(2, 2), atol=1e-5)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"remap must be one of .*, got 'max'"):
        AudioBridge(remap='max')
    layout = clip_layout(5)
    with pytest.raises(ValueError, match='clips have 5 frames, AudioBridge has codes for 4'):
        build()(*draw(layout), layout)
    build(positions=False)(*draw(layout), layout)

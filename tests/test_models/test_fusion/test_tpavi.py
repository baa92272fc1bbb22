# Copyright (c) mmavs developers. All rights reserved.
"""The block without its P x P product against the formula with it, written out in float64."""

import pytest
import torch
import torch.nn.functional as F

from mmavs.models.fusion import TPAVI
from mmavs.structures import ClipLayout


def build(**settings):
    torch.manual_seed(0)
    block = TPAVI(embed_dims=8, audio_channels=5, inner_channels=3, **settings).double()
    for norm in (block.bn, block.norm):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    return block


def group_attention(block, feature, key_map):
    """y for one group: feature (G, D, h, w), key_map (G, C', h, w), every pair of positions."""
    frames, _, height, width = feature.shape
    pixels = feature.permute(0, 2, 3, 1).reshape(-1, feature.shape[1])
    keys = key_map.permute(0, 2, 3, 1).reshape(len(pixels), -1)
    affinity = block.theta(pixels) @ keys.T / len(pixels)
    y = affinity @ block.g(pixels)
    return block.out_proj(y).reshape(frames, height, width, -1).permute(0, 3, 1, 2)


def by_definition(block, feature, audio, hear_pictures=False):
    """All rows, in groups of 5, padded ones included as zeros."""
    outputs = []
    for start in range(0, len(feature), 5):
        group, sound = feature[start : start + 5], block.audio_proj(audio[start : start + 5])
        heard = sound[..., None, None].expand_as(group)
        heard = group if hear_pictures else heard
        keys = block.phi(heard.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        outputs.append(group_attention(block, group, keys))
    mapped = block.bn(torch.cat(outputs)) + feature
    return F.layer_norm(
        mapped.permute(0, 2, 3, 1), (8,), block.norm.weight, block.norm.bias, 1e-5
    ).permute(0, 3, 1, 2)


def draw(rows, seed=1):
    generator = torch.Generator().manual_seed(seed)
    feature = torch.randn(rows, 8, 4, 6, dtype=torch.float64, generator=generator)
    return feature, torch.randn(rows, 5, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('audio_bias', [True, False])
def test_equals_the_formula(training, audio_bias):
    feature, audio = draw(20)
    layout = ClipLayout(10, torch.ones(20, dtype=torch.bool))
    block = build(audio_bias=audio_bias).train(training)
    output, sound = block(feature, audio, layout)
    reference = build(audio_bias=audio_bias).train(training)
    assert torch.allclose(output, by_definition(reference, feature, audio))
    assert torch.equal(sound, block.audio_proj(audio))
    assert torch.allclose(block.bn.running_mean, reference.bn.running_mean)
    assert torch.allclose(block.bn.running_var, reference.bn.running_var)


def test_visual_attention_averages_with_the_block_that_hears_pictures():
    block = build(visual_attention=True).eval()
    feature, audio = draw(10)
    output, _ = block(feature, audio, ClipLayout(5, torch.ones(10, dtype=torch.bool)))
    expected = by_definition(block, feature, audio)
    expected = (expected + by_definition(block, feature, audio, hear_pictures=True)) / 2
    assert torch.allclose(output, expected)


@pytest.mark.parametrize('visual_attention', [False, True])
def test_frames_that_are_not_computed_count_as_zeros(visual_attention):
    """Padding left out, padding computed, and a clip cut short: the same numbers."""
    block = build(visual_attention=visual_attention).eval()
    feature, audio = draw(20)
    valid = torch.tensor([True] * 7 + [False] * 3 + [True, False, True] + [False] * 7)
    feature, audio = feature * valid[:, None, None, None], audio * valid[:, None]
    everything, _ = block(feature, audio, ClipLayout(10, valid, has_padding=True))
    computed, _ = block(feature[valid], audio[valid], ClipLayout(10, valid))
    assert torch.allclose(computed, everything[valid])
    if not visual_attention:
        assert torch.allclose(everything, by_definition(block, feature, audio))
    short, _ = block(feature[:7], audio[:7], ClipLayout(7, torch.ones(7, dtype=torch.bool)))
    assert torch.allclose(short, everything[:7])


def test_groups_do_not_see_each_other_and_frames_of_a_group_do():
    block = build().eval()
    feature, audio = draw(10)
    layout = ClipLayout(10, torch.ones(10, dtype=torch.bool))
    before, _ = block(feature, audio, layout)
    audio[7] += 1
    after, _ = block(feature, audio, layout)
    changed = (after - before).abs().amax((1, 2, 3)) > 1e-9
    assert changed.tolist() == [False] * 5 + [True] * 5


def test_begins_as_a_layer_norm():
    block = TPAVI(embed_dims=8, audio_channels=5)
    block.init_weights()
    feature, audio = (x.float() for x in draw(5))
    output, _ = block(feature, audio, ClipLayout(5, torch.ones(5, dtype=torch.bool)))
    expected = F.layer_norm(feature.permute(0, 2, 3, 1), (8,)).permute(0, 3, 1, 2)
    assert torch.allclose(output, expected, atol=1e-6)


@pytest.mark.parametrize('visual_attention', [False, True])
def test_gradients(visual_attention):
    block = build(visual_attention=visual_attention).eval()
    valid = torch.tensor([True, True, True, False, True, True])
    feature, audio = draw(5)
    feature = feature[..., :2, :2].clone().requires_grad_()
    audio.requires_grad_()

    def run(feature, audio, *_):
        return block(feature, audio, ClipLayout(6, valid))

    assert torch.autograd.gradcheck(run, (feature, audio, *block.parameters()))


@torch.no_grad()
def test_hearing_the_picture_in_half_precision():
    """The sum over 56 x 56 pixels of squares is above what float16 holds, 65504."""
    torch.manual_seed(0)
    block = TPAVI(embed_dims=8, audio_channels=5, visual_attention=True)
    torch.nn.init.ones_(block.bn.weight)
    feature, audio = 5 * torch.randn(5, 8, 56, 56), torch.randn(5, 5)
    assert feature.pow(2).sum((2, 3)).max() > 65504
    layout = ClipLayout(5, torch.ones(5, dtype=torch.bool))
    expected = block(feature, audio, layout)[0]
    with torch.autocast('cpu', dtype=torch.float16):
        found = block(feature.half(), audio, layout)[0]
    # float16 has 11 bits, and fewer than 16 layers follow each other
    assert (found - expected).norm() < 4 * 2**-11 * expected.norm()

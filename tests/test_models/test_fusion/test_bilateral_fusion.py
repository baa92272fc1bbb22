# Copyright (c) mmavs developers. All rights reserved.
"""COMBO's fusion against the sheet, head by head and token by token (section 3)."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmavs.models.fusion import BilateralFusion
from mmavs.models.fusion.bilateral_fusion import SIDES


def tiny(mode='MHA-B', **kwargs):
    torch.manual_seed(0)
    settings = dict(visual_dims=8, audio_dims=6, embed_dims=12, num_heads=3)
    fusion = BilateralFusion(mode, **{**settings, **kwargs})
    fusion.init_weights()
    return fusion.double().eval()


def inputs(tokens=2):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, 8, 3, 5, generator=generator, dtype=torch.float64),
        torch.randn(2, tokens, 6, generator=generator, dtype=torch.float64),
    )


def literal(fusion, mask_feature, audio):
    """Two attentions, each with a softmax of its own, as the official code has them."""
    pixels = mask_feature.flatten(2).transpose(1, 2) + fusion.level_embed.weight
    code = fusion.positional_encoding(torch.zeros(1, 3, 5)).flatten(2).transpose(1, 2)
    v, a = fusion.v_norm(pixels), fusion.a_norm(audio)
    query, key = fusion.v_proj(v + code), fusion.a_proj(a + fusion.audio_pos.weight)
    v_values, a_values = fusion.v_values_proj(v), fusion.a_values_proj(a)
    to_pixels, to_audio = [], []
    for q, k, u_v, u_a in zip(*(x.chunk(3, dim=-1) for x in (query, key, v_values, a_values))):
        scores = (q * 4**-0.5 @ k.transpose(1, 2)).clamp(-50000, 50000)
        mine = scores.transpose(1, 2)
        mine = (mine - mine.max(-1, keepdim=True).values).clamp(-50000, 50000)
        to_audio.append(mine.softmax(-1) @ u_v)
        to_pixels.append(scores.softmax(1) @ u_a)
    v = v + fusion.v_scale * fusion.v_out_proj(torch.cat(to_pixels, -1))
    a = a + fusion.a_scale * fusion.a_out_proj(torch.cat(to_audio, -1))
    return v.transpose(1, 2).unflatten(-1, (3, 5)), a


@pytest.mark.parametrize('tokens', [1, 3])
@torch.no_grad()
def test_one_softmax_equals_two_of_the_sheet(tokens):
    fusion = tiny(init_scale=1.0)
    for ours, theirs in zip(fusion(*inputs(tokens)), literal(fusion, *inputs(tokens))):
        assert torch.allclose(ours, theirs, atol=1e-6)  # positions are float32


@torch.no_grad()
def test_first_output_is_nearly_the_normed_input():
    mask_feature, audio = inputs()
    fusion = tiny()
    pixels = mask_feature + fusion.level_embed.weight[0][:, None, None]
    fused, heard = fusion(mask_feature, audio)
    assert (fused - F.layer_norm(pixels.movedim(1, -1), (8,)).movedim(-1, 1)).abs().max() < 1e-3
    assert (heard - F.layer_norm(audio, (6,))).abs().max() < 1e-3


@torch.no_grad()
def test_types_change_their_side_only():
    mask_feature, audio = inputs()
    both = tiny('MHA-B', init_scale=1.0)
    whole = both(mask_feature, audio)
    for mode, sides in SIDES.items():
        fusion = tiny(mode, init_scale=1.0)
        fusion.load_state_dict(both.state_dict(), strict=False)
        found = fusion(mask_feature, audio)
        leveled = mask_feature + fusion.level_embed.weight[0][:, None, None]
        assert torch.equal(found[0], whole[0] if 'v' in sides else leveled)
        assert torch.equal(found[1], whole[1] if 'a' in sides else audio)


@pytest.mark.parametrize('mode', SIDES)
def test_every_parameter_is_used(mode):
    fusion = tiny(mode)
    sum(x.pow(2).sum() for x in fusion(*inputs())).backward()
    assert all(parameter.grad is not None for parameter in fusion.parameters())


def test_either_side_hears_the_other():
    mask_feature, audio = (x.requires_grad_() for x in inputs(tokens=1))
    fused, heard = tiny(init_scale=1.0)(mask_feature, audio)
    assert torch.autograd.grad(fused[0].sum(), audio, retain_graph=True)[0][0].abs().max() > 1e-6
    seen = torch.autograd.grad(heard[0].pow(2).sum(), mask_feature)[0]
    assert (seen[0].abs().amax(0) > 0).all()
    assert (seen[1] == 0).all()  # of another frame


@torch.no_grad()
def test_dropout_in_training_only():
    fusion = tiny(init_scale=1.0, dropout=0.5)
    first, again = fusion(*inputs())[0], fusion(*inputs())[0]
    assert torch.equal(first, again)
    fusion.train()
    assert not torch.equal(fusion(*inputs())[0], first)


@torch.no_grad()
def test_scores_beyond_the_number_range_are_clamped():
    fusion = tiny(embed_dims=3).float()  # one channel a head, so no sum of inf and -inf
    fusion.v_proj.weight *= 1e25
    fusion.a_proj.weight *= 1e25
    for output in fusion(*(x.float() for x in inputs())):
        assert output.isfinite().all()


def test_initial_values():
    fusion = tiny()
    weight = fusion.v_out_proj.weight
    bound = math.sqrt(6 / sum(weight.shape))
    assert 0.9 * bound < weight.abs().max() <= bound
    assert (fusion.v_out_proj.bias == 0).all()
    for scale in (fusion.v_scale, fusion.a_scale):
        assert torch.allclose(scale, torch.full_like(scale, 1e-4))


def test_wrong_settings():
    with pytest.raises(ValueError, match="one of .*'MHA-B'.*got 'MHA'"):
        BilateralFusion('MHA')
    with pytest.raises(ValueError, match='multiple of num_heads'):
        BilateralFusion(embed_dims=10, num_heads=4)

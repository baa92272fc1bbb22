# Copyright (c) mmavs developers. All rights reserved.
"""The mixers that the official code does not have, against the formulas written out."""

import pytest
import torch

from mmavs.models.fusion import ChannelMixer, CrossAttentionMixer, ResidualChannelMixer

DIMS, HEADS = 16, 4


def inputs(num_tokens=1):
    generator = torch.Generator().manual_seed(0)
    feature = torch.randn(2, DIMS, 5, 7, generator=generator, dtype=torch.float64)
    audio = 4 * torch.randn(2, num_tokens, DIMS, generator=generator, dtype=torch.float64)
    return feature.requires_grad_(), audio


def split(vector):
    return vector.unflatten(-1, (HEADS, DIMS // HEADS))


def test_residual_mixer_is_equation_2():
    feature, audio = inputs()
    expected = torch.empty_like(feature)
    for n, (maps, sound) in enumerate(zip(feature, audio[:, 0])):
        for head in range(HEADS):
            channels = slice(head * DIMS // HEADS, (head + 1) * DIMS // HEADS)
            pixels = maps[channels].flatten(1).T  # F, (H*W, D/n)
            scores = pixels @ sound[channels] / (DIMS / HEADS) ** 0.5
            weights = (scores.exp() / scores.exp().sum()) @ pixels
            expected[n, channels] = maps[channels] + maps[channels] * weights[:, None, None]
    mixer = ResidualChannelMixer(DIMS, HEADS)
    assert torch.allclose(mixer(feature, audio), expected, atol=1e-12)
    assert not list(mixer.parameters())
    assert torch.autograd.gradcheck(mixer, (feature, audio.requires_grad_()))


@pytest.mark.parametrize('num_tokens', [1, 3])
def test_cross_attention_written_out(num_tokens):
    feature, audio = inputs(num_tokens)
    mixer = CrossAttentionMixer(DIMS, HEADS).double()
    torch.nn.init.normal_(mixer.attn.in_proj_bias)
    torch.nn.init.normal_(mixer.attn.out_proj.bias)
    weights, biases = mixer.attn.in_proj_weight.chunk(3), mixer.attn.in_proj_bias.chunk(3)
    pixels = feature.flatten(2).transpose(1, 2)
    query, key, value = (
        split(x @ weight.T + bias)
        for x, weight, bias in zip((pixels, audio, audio), weights, biases)
    )
    scores = torch.einsum('nphc,nlhc->nphl', query, key) / (DIMS / HEADS) ** 0.5
    heard = torch.einsum('nphl,nlhc->nphc', scores.softmax(-1), value).flatten(2)
    expected = pixels + mixer.attn.out_proj(heard)
    found = mixer(feature, audio)
    assert torch.allclose(found.flatten(2).transpose(1, 2), expected, atol=1e-12)
    if num_tokens == 1:  # one vector for all pixels of a frame, by value and output projection
        vector = mixer.attn.out_proj(audio[:, 0] @ weights[2].T + biases[2])
        assert torch.allclose(found - feature, vector[..., None, None].expand_as(found), atol=1e-12)


@pytest.mark.parametrize('mixer', [ChannelMixer, CrossAttentionMixer, ResidualChannelMixer])
def test_heads_must_divide(mixer):
    with pytest.raises(ValueError, match='multiple of num_heads'):
        mixer(10, 4)

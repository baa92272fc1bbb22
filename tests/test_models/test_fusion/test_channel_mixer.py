# Copyright (c) mmavs developers. All rights reserved.
import torch

from mmavs.models.fusion import ChannelMixer


def literal(mixer, feature, audio):
    """Keys and values of every pixel, head by head, as the sheet writes it (section 4.7)."""
    pixels = feature.flatten(2).transpose(1, 2)
    query = mixer.q_proj(audio)
    key, value = mixer.kv_proj(pixels).chunk(2, dim=-1)
    heads = []
    for q, k, v in zip(*(x.chunk(mixer.num_heads, dim=-1) for x in (query, key, value))):
        attention = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1)
        heads.append(attention @ v)
    gate = mixer.out_proj(torch.cat(heads, -1)).sigmoid()
    return feature * gate.squeeze(1)[..., None, None]


def test_cheap_form_equals_the_literal_one_with_gradients():
    torch.manual_seed(0)
    mixer = ChannelMixer(16, 4).double()
    feature = torch.randn(2, 16, 5, 7, dtype=torch.float64, requires_grad=True)
    audio = 4 * torch.randn(2, 1, 16, dtype=torch.float64)
    assert torch.allclose(mixer(feature, audio), literal(mixer, feature, audio), atol=1e-12)
    gradients = [
        torch.autograd.grad(f(feature, audio).pow(2).sum(), [feature, mixer.kv_proj.weight])
        for f in (mixer, lambda x, a: literal(mixer, x, a))
    ]
    for ours, theirs in zip(*gradients):
        assert torch.allclose(ours, theirs, atol=1e-10)

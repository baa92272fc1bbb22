# Copyright (c) mmavs developers. All rights reserved.
import torch
import torch.nn.functional as F

from mmavs.models.queries import AudioDerivedQueryGenerator


def make():
    torch.manual_seed(0)
    return AudioDerivedQueryGenerator(5, 16, num_heads=4).double()


@torch.no_grad()
def test_queries_attend_to_the_tokens_head_by_head():
    generator = make()
    audio = torch.randn(3, 7, 16, dtype=torch.float64)
    attention, norm = generator.prompting.attn, generator.prompting.norm
    table = generator.query_feat.weight.expand(3, -1, -1)
    q, k, v = (
        F.linear(x, weight, bias)
        for x, weight, bias in zip(
            (table, audio, audio),
            attention.in_proj_weight.chunk(3),
            attention.in_proj_bias.chunk(3),
        )
    )
    heads = [
        (a @ b.transpose(1, 2) / 2).softmax(-1) @ c
        for a, b, c in zip(*(x.chunk(4, dim=-1) for x in (q, k, v)))
    ]
    expected = norm(table + attention.out_proj(torch.cat(heads, -1)))
    outputs = generator(torch.empty(3, 16, 4, 5), audio)
    assert torch.allclose(outputs.queries, expected, atol=1e-12)
    assert outputs.assignment is outputs.prototypes is outputs.visual_queries is None


@torch.no_grad()
def test_queries_come_from_the_sound_and_not_from_the_pixels():
    generator = make()
    audio, pixels = torch.randn(2, 1, 7, 16, dtype=torch.float64), torch.randn(2, 1, 16, 4, 5)
    same = [generator(feature, audio[0]).queries for feature in pixels]
    other = [generator(pixels[0], tokens).queries for tokens in audio]
    assert torch.equal(*same)
    assert not torch.allclose(*other, atol=1e-3)


def test_everything_learns():
    generator = make()
    generator.init_weights()
    audio = torch.randn(2, 7, 16, dtype=torch.float64)
    generator(torch.empty(2, 16, 4, 5), audio).queries.pow(3).sum().backward()
    assert all(parameter.grad.any() for parameter in generator.parameters())

# Copyright (c) mmavs developers. All rights reserved.
"""Attention over time against loops over places, heads and frames."""

import math

import pytest
import torch

from mmavs.models.fusion import TemporalAttention, temporal_attention
from mmavs.structures import ClipLayout

DIMS, HEADS = 8, 2


def build():
    torch.manual_seed(0)
    module = TemporalAttention(DIMS, HEADS, max_frames=6).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def rows_of(number, height=2, width=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, DIMS, height, width, generator=generator, dtype=torch.float64)


def by_loops(module, clip):
    """One clip (T, D, h, w) of valid frames only."""
    wq, wk, wv = module.attention.in_proj_weight.chunk(3)
    bq, bk, bv = module.attention.in_proj_bias.chunk(3)
    out = torch.empty_like(clip)
    for y in range(clip.shape[2]):
        for x in range(clip.shape[3]):
            seen = clip[:, :, y, x]
            placed = seen + module.positions.weight[: len(seen)]
            for t in range(len(seen)):
                heads = []
                for part in torch.arange(DIMS).chunk(HEADS):
                    query = (wq @ placed[t] + bq)[part]
                    scores = torch.stack(
                        [query @ (wk @ placed[s] + bk)[part] for s in range(len(seen))]
                    )
                    weights = (scores / math.sqrt(DIMS // HEADS)).exp()
                    values = torch.stack([(wv @ seen[s] + bv)[part] for s in range(len(seen))])
                    heads.append((weights[:, None] * values).sum(0) / weights.sum())
                mixed = seen[t] + module.attention.out_proj(torch.cat(heads))
                centred = mixed - mixed.mean()
                scale = (centred.square().mean() + module.norm.eps).sqrt()
                out[t, :, y, x] = centred / scale * module.norm.weight + module.norm.bias
    return out


@pytest.mark.parametrize('sequences', [65535, 8])  # all at once, and four places at a time
@torch.no_grad()
def test_equals_loops_over_clips_of_several_lengths(sequences, monkeypatch):
    monkeypatch.setattr(temporal_attention, 'MAX_SEQUENCES', sequences)
    module = build()
    rows = rows_of(8)
    valid = torch.tensor([1, 1, 1, 0, 0, 1, 1, 1, 1, 1], dtype=torch.bool)
    found = module(rows, ClipLayout(5, valid))
    expected = torch.cat([by_loops(module, rows[:3]), by_loops(module, rows[3:])])
    assert torch.allclose(found, expected, atol=1e-10)

    everything = rows.new_full((10, *rows.shape[1:]), 100.0)
    everything[valid] = rows
    layout = ClipLayout(5, valid, has_padding=True)
    again = module(everything, layout)
    assert again.shape == everything.shape
    assert torch.allclose(layout.drop_padding(again), expected, atol=1e-10)


def test_gradients():
    module, valid = build(), torch.tensor([True, True, False, True, True, True])
    layout = ClipLayout(3, valid)
    rows = rows_of(5, 1, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda *_: module(rows, layout), (rows, *module.parameters()))


@torch.no_grad()
def test_the_order_of_the_frames_counts_and_other_clips_do_not():
    module, rows = build(), rows_of(6)
    layout = ClipLayout(3, torch.ones(6, dtype=torch.bool))
    found = module(rows, layout)
    turned = module(rows[[2, 1, 0, 3, 4, 5]], layout)
    assert torch.allclose(turned[3:], found[3:])
    assert not torch.allclose(turned[[2, 1, 0]], found[:3], atol=1e-3)


def test_long_clips_are_refused():
    with pytest.raises(
        ValueError, match=r'have 7 frames, but decode_head.temporal.max_frames is 6'
    ):
        build()(rows_of(7), ClipLayout(7, torch.ones(7, dtype=torch.bool)))

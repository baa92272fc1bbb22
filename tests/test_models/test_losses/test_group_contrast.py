# Copyright (c) mmavs developers. All rights reserved.
import math

import pytest
import torch

from mmavs.registry import MODELS
from mmavs.structures import SemanticMerge


def merge_of(cosines, dims=4, requires_grad=False):
    """Groups of which each has a given cosine with the sound, of various lengths, in float64."""
    cosines = torch.tensor(cosines, dtype=torch.double)
    audio = torch.zeros(len(cosines), dims, dtype=torch.double)
    audio[:, 0] = 3
    groups = torch.zeros(*cosines.shape, dims, dtype=torch.double)
    groups[..., 0], groups[..., 1] = cosines, (1 - cosines**2).sqrt()
    groups = groups * torch.arange(1, 1 + cosines.shape[1])[:, None]
    empty = torch.zeros(len(cosines), 2, 2)
    return SemanticMerge(
        empty, empty.long(), groups.requires_grad_(requires_grad), audio.requires_grad_()
    )


def build(**config):
    return MODELS.build(dict(type='GroupContrast', **config))


COSINES = [
    [0.9, 0.2, -0.3, -0.8],
    [0.5, 0.4, 0.3, 0.2],
    [-0.1, -0.2, -0.3, -0.4],
    [0.7, -0.6, 0, 0],
]
"""Mixed; no negative; no positive; two that are neither."""


def by_loops(cosines, tau, scale, threshold):
    losses = []
    for frame in cosines:
        response = [1 / (1 + math.exp(-scale * a)) for a in frame]
        positive = sum(math.exp(a / tau) for a, i in zip(frame, response) if i > threshold)
        negative = sum(math.exp(a / tau) for a, i in zip(frame, response) if i < threshold)
        if positive and negative:
            losses.append(-math.log(positive / (positive + negative)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize('settings', [(0.1, 10, 0.5), (0.7, 3, 0.5), (0.1, 10, 0.9)])
def test_against_loops(settings):
    tau, scale, threshold = settings
    loss = build(tau=tau, scale=scale, threshold=threshold, loss_weight=2.0)
    expected = 2 * by_loops(COSINES, tau, scale, threshold)
    assert loss(merge_of(COSINES)).item() == pytest.approx(expected, rel=1e-9)


def test_rows_choose_the_frames():
    loss, rows = build(), torch.tensor([False, True, True, True])
    alone = loss(merge_of(COSINES[3:]))
    assert loss(merge_of(COSINES), rows).item() == pytest.approx(alone.item())
    assert alone != loss(merge_of(COSINES))


@pytest.mark.parametrize('cosines', [COSINES[1:2], COSINES[2:3], [[]]])
def test_nothing_to_compare(cosines):
    """Zero, and still connected: distributed training waits for every gradient."""
    merge = merge_of(cosines, requires_grad=True)
    loss = build()(merge)
    loss.backward()
    assert loss == 0 and not merge.groups.grad.any() and not merge.audio.grad.any()


def test_gradients():
    merge = merge_of(COSINES, requires_grad=True)
    loss = build(tau=0.5)

    def run(groups, audio):
        return loss(merge._replace(groups=groups, audio=audio))

    # cosines of exactly 0 would change sides
    groups = merge.groups[:3].detach().requires_grad_()
    audio = merge.audio[:3].detach().requires_grad_()
    assert torch.autograd.gradcheck(run, (groups, audio))
    run(groups, audio).backward()
    assert groups.grad[0].any() and not groups.grad[1:].any()


def test_float32_under_autocast():
    merge = SemanticMerge(*(x.float() if x.is_floating_point() else x for x in merge_of(COSINES)))
    plain = build()(merge)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(build()(merge), plain)

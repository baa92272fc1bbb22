# Copyright (c) mmavs developers. All rights reserved.
"""The inter-frame loss against the official one, and on clips of any length."""

import math

import pytest
import torch
from criterion_goldens import NUM_FRAMES, QUERIES, SIZE, golden

from mmavs.models.losses.inter_frame_consistency import consistency
from mmavs.registry import MODELS
from mmavs.structures import ClipLayout
from mmavs.testing.goldens import fill_inputs


def build(**kwargs):
    return MODELS.build(dict(type='InterFrameConsistency', **kwargs))


def clips(*lengths, num_frames=None):
    """Layout of clips of so many valid frames."""
    num_frames = num_frames or max(lengths)
    return ClipLayout(
        num_frames, torch.cat([torch.arange(num_frames) < length for length in lengths])
    )


def middles(case):
    shape = (NUM_FRAMES[case][0], QUERIES, SIZE[0] * SIZE[1])
    return [
        (
            fill_inputs(f'{case}/middle{i}', shape)
            + 0.7 * fill_inputs(f'{case}/middle{i}/common', (1, *shape[1:]))
        ).unflatten(2, SIZE)
        for i in range(3)
    ]


@pytest.mark.parametrize(
    'case, layout',
    [
        ('losses_combo/ms3', clips(5, 5)),
        ('losses_combo/s4', clips(5, 5)),
        ('losses_combo/avss', clips(5, 10)),
    ],
)
def test_losses_are_the_official_ones(case, layout):
    """The stream of frames cut into groups of 5, a clip of 10 frames into two of them."""
    arrays, manifest = golden(case)
    names, weight = manifest['modes']['grid']['loss_names'], manifest['weight_dict']['loss_cosine']
    logits = middles(case)
    losses = build()([*logits, torch.full_like(logits[0], float('nan'))], layout)
    assert list(losses) == ['d0.loss_consistency', 'd1.loss_consistency', 'd2.loss_consistency']
    for number, value in enumerate(losses.values()):
        expected = weight * arrays['grid/losses'][names.index(f'loss_cosine_{number}')]
        assert value.item() == pytest.approx(expected, abs=1e-5)


def plain_term(one, other):
    one, other = one.flatten(), other.flatten()
    distance = 1 - (one @ other) / (one.norm() * other.norm())
    return distance * torch.exp(-distance)


@pytest.mark.parametrize(
    'lengths, group, pairs',
    [
        ((5, 7, 3), 5, [(0, 1), (1, 2), (2, 3), (3, 4)] + [(5, 6), (6, 7), (7, 8), (8, 9)]
         + [(10, 11), (12, 13), (13, 14)]),
        ((6, 5), 5, [(0, 1), (1, 2), (2, 3), (3, 4), (6, 7), (7, 8), (8, 9), (9, 10)]),
        ((4, 3), 2, [(0, 1), (2, 3), (4, 5)]),
        ((1, 3), 10, [(1, 2), (2, 3)]),
    ],
)  # fmt: skip
def test_groups_of_clips_of_any_length(lengths, group, pairs):
    """Values and gradients are those of a sum over the pairs that are written out."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(sum(lengths), 3, 4, 5, generator=generator).requires_grad_()
    layout = clips(*lengths, num_frames=max(lengths) + 1)  # every clip is padded
    loss = build(group=group, loss_weight=1.0)([logits, logits], layout)['d0.loss_consistency']
    expected = torch.stack([plain_term(logits[i], logits[j]) for i, j in pairs]).mean()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    (ours,), (theirs,) = (torch.autograd.grad(value, logits) for value in (loss, expected))
    assert torch.allclose(ours, theirs, atol=1e-7)


def test_slope_turns_where_frames_are_too_different():
    """d exp(-d) is not detached: it falls beyond d = 1."""
    pair = torch.ones(1, dtype=torch.bool)

    def at(angle):
        rows = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
        return consistency(rows[:, None, None], pair).item()

    assert at(0.0) == pytest.approx(0, abs=1e-7)
    assert at(math.pi / 3) == pytest.approx(0.5 * math.exp(-0.5), abs=1e-6)
    assert at(math.pi / 2) == pytest.approx(math.exp(-1), abs=1e-6)
    assert at(math.pi) == pytest.approx(2 * math.exp(-2), abs=1e-6)


@pytest.mark.parametrize('lengths', [(1,), (1, 1, 1)])
def test_frames_without_neighbours(lengths):
    logits = torch.randn(sum(lengths), 3, 4, 5, requires_grad=True)
    value = build()([logits, logits], clips(*lengths))['d0.loss_consistency']
    value.backward()
    assert value == 0 and (logits.grad == 0).all()


def test_autocast_does_not_change_the_loss():
    logits = [torch.randn(5, 3, 4, 5, dtype=torch.bfloat16)] * 2
    expected = build()([x.float() for x in logits], clips(5))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = build()(logits, clips(5))
    assert found['d0.loss_consistency'].dtype == torch.float32
    assert found['d0.loss_consistency'].item() == expected['d0.loss_consistency'].item()


def test_a_group_needs_a_pair():
    with pytest.raises(ValueError, match='group must be at least 2 frames, got 1'):
        build(group=1)

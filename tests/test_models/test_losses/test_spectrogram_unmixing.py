# Copyright (c) mmavs developers. All rights reserved.
"""ACP against equation 5."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmavs.registry import MODELS

CLASSES = torch.tensor([[1, 2], [3, -1], [-1, -1], [4, 1]])
USABLE = torch.tensor([True, True, True, False])


def build(**kwargs):
    return MODELS.build(dict(type='SpectrogramUnmixing', **kwargs))


def data(dtype=torch.float64, channels=2):
    """Masks of 2 prompts of 4 frames, sounds and mixtures."""
    torch.manual_seed(0)
    logits = torch.randn(4, 2, 3, 2, dtype=dtype, requires_grad=True)
    clean, noise = torch.rand(2, 4, channels, 6, 4, dtype=dtype)
    return logits, clean, clean + noise


def plain(logits, clean, mixed, norm):
    """Equation 5, a frame and a cell at a time; frames 0 and 1 count."""
    losses = []
    for frame in (0, 1):
        maps = [logits[frame, p] for p in range(2) if CLASSES[frame, p] >= 0]
        total = sum(
            F.interpolate(m[None, None], (6, 4), mode='bilinear', align_corners=False)[0, 0]
            for m in maps
        )
        squares = []
        for channel in range(clean.shape[1]):
            for t in range(6):
                for f in range(4):
                    share = clean[frame, channel, t, f] / mixed[frame, channel, t, f]
                    squares.append((1 / (1 + torch.exp(-total[t, f])) - share) ** 2)
        squares = torch.stack(squares)
        losses.append(squares.mean() if norm == 'mse' else squares.sum().sqrt())
    return torch.stack(losses).mean()


@pytest.mark.parametrize('norm', ['mse', 'l2'])
def test_is_eq_5(norm):
    logits, clean, mixed = data()
    loss = build(norm=norm, loss_weight=2.0)
    found = loss(logits, CLASSES, clean, mixed, USABLE)
    expected = 2 * plain(logits, clean, mixed, norm)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    ours, theirs = (torch.autograd.grad(x, logits)[0] for x in (found, expected))
    assert torch.allclose(ours, theirs, atol=1e-8)
    assert (ours[2:] == 0).all() and (ours[1, 1] == 0).all()
    assert torch.autograd.gradcheck(lambda x: loss(x, CLASSES, clean, mixed, USABLE), logits)


def test_perfect_masks_and_the_target_of_silent_cells():
    """Where neither sounds the share is 0; noise in the denominator never makes it more than 1."""
    clean = torch.tensor([[0.0, 1.0], [3.0, 2.0]])[None, None]
    mixed = torch.tensor([[0.0, 1.0], [4.0, 1.99999]])[None, None]
    share = torch.tensor([[0.0, 1.0], [0.75, 1.0]])[None, None]
    logits = torch.logit(share, eps=1e-7)
    loss = build()(logits, torch.tensor([[1]]), clean, mixed, torch.tensor([True]))
    assert loss.item() == pytest.approx(0, abs=1e-6)
    # The masks cooperate: two halves of the logits are as good as the whole.
    halves = (logits / 2).expand(1, 2, 2, 2)
    both = build()(halves, torch.tensor([[1, 5]]), clean, mixed, torch.tensor([True]))
    assert both.item() == pytest.approx(loss.item(), abs=1e-6)


def test_l2_of_a_perfect_mask_has_a_gradient():
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    clean = torch.ones(1, 1, 2, 2)
    loss = build(norm='l2')(
        logits, torch.tensor([[1]]), clean, 2 * clean - 1e-8, torch.tensor([True])
    )
    loss.backward()
    assert logits.grad.isfinite().all()
    assert loss.item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize('nothing', ['prompts', 'mixtures', 'frames', 'slots'])
def test_nothing_to_unmix(nothing):
    logits, clean, mixed = data()
    classes, usable = CLASSES, USABLE
    if nothing == 'prompts':
        classes = torch.full_like(CLASSES, -1)
    if nothing == 'mixtures':
        usable = torch.zeros(4, dtype=torch.bool)
    if nothing == 'frames':
        logits, classes, clean, mixed, usable = (
            x[:0] for x in (logits, classes, clean, mixed, usable)
        )
    if nothing == 'slots':
        logits, classes = logits[:, :0], classes[:, :0]
    loss = build()(logits, classes, clean, mixed, usable)
    assert loss.item() == 0
    loss.backward()


def test_keeps_its_precision_under_autocast():
    logits, clean, mixed = data(torch.float32)
    loss = build()
    expected = loss(logits, CLASSES, clean, mixed, USABLE)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(loss(logits, CLASSES, clean, mixed, USABLE), expected)
        rounded = loss(logits.bfloat16(), CLASSES, clean, mixed, USABLE)
    assert rounded.dtype == torch.float32
    assert math.isfinite(rounded.item())


def test_an_unknown_norm():
    with pytest.raises(ValueError, match="norm must be one of .*got 'l1'"):
        build(norm='l1')

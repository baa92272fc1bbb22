# Copyright (c) mmavs developers. All rights reserved.
"""Cross-entropy, Dice and IoU, pixel by pixel in float64."""

import math

import pytest
import torch

from mmavs.models.losses import CEDiceIoULoss
from mmavs.structures import IGNORE_INDEX

CLASSES = 4


def example():
    """Four frames: three classes and ignored pixels, no label, one object, silence."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(4, CLASSES, 3, 4, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 3, (4, 3, 4), generator=generator)
    target[0, :, 2:] = target[1] = IGNORE_INDEX
    target[2] = 2  # no background
    target[3] = 0
    return logits, target


def by_loops(logits, target, classes, smooth):
    entropies, dices, ious = [], [], []
    for frame, label in zip(logits.tolist(), target.tolist()):
        height, width = len(label), len(label[0])
        pixels = [
            (y, x) for y in range(height) for x in range(width) if label[y][x] != IGNORE_INDEX
        ]
        scores = {}
        for y, x in pixels:
            powers = [math.exp(frame[c][y][x]) for c in range(CLASSES)]
            for c in range(CLASSES):
                scores[c, y, x] = powers[c] / sum(powers)
            entropies.append(-math.log(scores[label[y][x], y, x]))
        if not pixels:
            continue
        counted = {0} | {label[y][x] for y, x in pixels}
        dice, iou = [], []
        for c in counted if classes == 'present' else range(CLASSES):
            overlap = sum(scores[c, y, x] for y, x in pixels if label[y][x] == c)
            mass = sum(scores[c, y, x] for y, x in pixels)
            area = sum(label[y][x] == c for y, x in pixels)
            dice.append(1 - (2 * overlap + smooth) / (mass + area + smooth))
            iou.append(1 - (overlap + smooth) / (mass + area - overlap + smooth))
        dices.append(sum(dice) / len(dice))
        ious.append(sum(iou) / len(iou))
    return [sum(values) / len(values) for values in (entropies, dices, ious)]


@pytest.mark.parametrize('classes', ['present', 'all'])
def test_equals_loops(classes):
    logits, target = example()
    ce, dice, iou = by_loops(logits, target, classes, 1e-5)
    found = CEDiceIoULoss(classes=classes)(logits, target)
    assert found.keys() == {'ce', 'dice', 'iou'}
    for name, expected in dict(ce=5 * ce, dice=5 * dice, iou=2 * iou).items():
        assert found[name].item() == pytest.approx(expected, rel=1e-12)


def test_frames_are_scored_by_themselves():
    logits, target = example()
    loss = CEDiceIoULoss(ce_weight=0)
    together = loss(logits, target)
    assert together.keys() == {'dice', 'iou'}
    alone = [loss(logits[[i]], target[[i]]) for i in (0, 2, 3)]
    for name, value in together.items():
        assert torch.allclose(value, torch.stack([one[name] for one in alone]).mean())


def test_absent_classes_are_a_constant_in_the_official_variant_only():
    logits, target = example()
    silent, target = logits[3:], target[3:]
    assert CEDiceIoULoss(classes='all')(silent, target)['dice'] > 5 * 0.74  # 3 of 4 are absent
    sure = torch.zeros_like(silent)
    sure[:, 0] = 20.0
    assert CEDiceIoULoss(classes='all')(sure, target)['dice'] < 1e-1 * 5
    assert CEDiceIoULoss()(sure, target)['dice'] < 1e-6


@pytest.mark.parametrize('classes', ['present', 'all'])
def test_gradients(classes):
    logits, target = example()
    loss = CEDiceIoULoss(classes=classes)
    assert torch.autograd.gradcheck(
        lambda x: tuple(loss(x, target).values()), logits.requires_grad_()
    )


def test_nothing_labelled_is_zero_with_a_gradient():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    losses = CEDiceIoULoss()(logits, torch.full((2, 4, 4), IGNORE_INDEX))
    assert [value.item() for value in losses.values()] == [0, 0, 0]
    sum(losses.values()).backward()
    assert (logits.grad == 0).all()


def test_float32_under_autocast():
    logits, target = example()
    half = logits.bfloat16()
    expected = CEDiceIoULoss()(half.float(), target)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = CEDiceIoULoss()(half, target)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert found['ce'].dtype == torch.float32


def test_unknown_classes_are_refused():
    with pytest.raises(ValueError, match="loss_seg.classes must be one of .*, got 'some'"):
        CEDiceIoULoss(classes='some')

# Copyright (c) mmavs developers. All rights reserved.
"""What the goldens of the losses do not touch: pixels without a label, losses of the paper only."""

import pytest
import torch

from mmavs.models.losses import (
    BinaryMaskLoss,
    LinearMixingLoss,
    MixingLoss,
    SemanticDiceLoss,
    SemanticMaskLoss,
)
from mmavs.structures import IGNORE_INDEX


def test_cross_entropy_is_the_mean_over_labelled_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 4, 6, generator=generator)
    target = torch.randint(0, 5, (2, 4, 6), generator=generator)
    target[0, :, 3:] = IGNORE_INDEX
    terms = [
        -logits[n, :, y, x].log_softmax(0)[target[n, y, x]]
        for n in range(2)
        for y in range(4)
        for x in range(6)
        if target[n, y, x] != IGNORE_INDEX
    ]
    assert len(terms) == 36
    expected = torch.stack(terms).mean()
    assert torch.allclose(SemanticMaskLoss()(logits, target), expected, atol=1e-6)


def test_semantic_dice_class_by_class():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 4, 6, generator=generator)
    target = torch.randint(0, 4, (3, 4, 6), generator=generator)  # no frame has class 4
    target[0, :, 3:] = target[2] = IGNORE_INDEX
    target[1] = 2
    frames = []
    for scores, label in zip(logits.softmax(1), target):
        pixels = label != IGNORE_INDEX
        terms = []
        for number in label[pixels].unique():
            p, g = scores[number][pixels], (label[pixels] == number).float()
            squares = (p**2).sum() + 0.001 + (g**2).sum() + 0.001
            terms.append(1 - 2 * (p * g).sum() / squares)
        if terms:
            frames.append(torch.stack(terms).mean())
    assert len(frames) == 2
    loss = SemanticDiceLoss(loss_weight=0.5)(logits, target)
    assert torch.allclose(loss, 0.5 * torch.stack(frames).mean(), atol=1e-6)


def test_linear_mixing_integrates_the_channels():
    generator = torch.Generator().manual_seed(0)
    feature = torch.rand(2, 5, 2, 3, generator=generator)
    target = torch.randint(0, 2, (2, 4, 6), generator=generator)
    loss = LinearMixingLoss(embed_dims=5)
    torch.nn.init.constant_(loss.integrate.bias, -1)
    weight, bias = (x.detach().clone() for x in loss.parameters())
    logits = torch.einsum('ndhw,d->nhw', feature, weight.flatten()) + bias
    assert logits.min() < 0  # which the official head cannot say
    logits = torch.nn.functional.interpolate(logits[:, None], (4, 6), mode='bilinear')
    dice = BinaryMaskLoss(dict(type='mmdet.DiceLoss', eps=1e-3, loss_weight=0.1))
    assert torch.allclose(loss(feature, target), dice(logits, target), atol=1e-6)
    with torch.no_grad():  # a layer that takes the mean is the official head
        loss.integrate.weight.fill_(1 / 5)
        loss.integrate.bias.zero_()
    assert torch.allclose(loss(feature, target), MixingLoss()(feature, target), atol=1e-6)


ALL = [SemanticMaskLoss(), SemanticDiceLoss(), BinaryMaskLoss(), MixingLoss(), LinearMixingLoss(5)]


@pytest.mark.parametrize('loss', ALL, ids=lambda loss: type(loss).__name__)
def test_nothing_labelled_is_zero_with_a_gradient(loss):
    channels = 1 if type(loss) is BinaryMaskLoss else 5
    logits = torch.randn(2, channels, 4, 6, requires_grad=True)
    value = loss(logits, torch.full((2, 4, 6), IGNORE_INDEX))
    value.backward()
    assert value == 0 and (logits.grad == 0).all()
    assert all((parameter.grad == 0).all() for parameter in loss.parameters())

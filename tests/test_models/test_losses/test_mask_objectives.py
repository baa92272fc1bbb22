# Copyright (c) mmavs developers. All rights reserved.
"""What the goldens of the losses do not touch: pixels without a label."""

import pytest
import torch

from mmavs.models.losses import BinaryMaskLoss, MixingLoss, SemanticMaskLoss
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


@pytest.mark.parametrize('loss', [SemanticMaskLoss(), BinaryMaskLoss(), MixingLoss()])
def test_nothing_labelled_is_zero_with_a_gradient(loss):
    channels = 1 if type(loss) is BinaryMaskLoss else 5
    logits = torch.randn(2, channels, 4, 6, requires_grad=True)
    value = loss(logits, torch.full((2, 4, 6), IGNORE_INDEX))
    value.backward()
    assert value == 0 and (logits.grad == 0).all()

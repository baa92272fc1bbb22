# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.evaluation.functional import activated_area, global_score


def test_activated_area():
    pred = torch.zeros(3, 4, 4, dtype=torch.bool)
    pred[1, 0] = True
    pred[2] = True
    assert activated_area(pred).tolist() == [0, 0.25, 1]
    with pytest.raises(TypeError, match='must be bool, got torch.int64'):
        activated_area(pred.long())


def test_published_value_of_a_blind_model():
    """A third-party table lists 23.79 for a model with positive mIoU 86.20 on S4."""
    assert 100 * global_score(0.862, 0.862) == pytest.approx(23.79, abs=0.005)


def test_corners():
    assert global_score(1, 0) == 1  # segments what it hears, and nothing else
    assert global_score(0, 0) == 0  # always silent
    assert global_score(1, 1) == 0
    assert global_score(0, 1) == 0
    assert global_score(0.5, 0.5) == pytest.approx(0.5)
    with pytest.raises(ValueError, match='got 86.2. Divide percent by 100'):
        global_score(86.2, 0)

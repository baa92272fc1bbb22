# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.evaluation.functional import two_channel_scores


def test_equals_the_sigmoid_of_the_difference():
    scores = torch.randn(2, 5, 2, 6, 7, generator=torch.Generator().manual_seed(0)) * 5
    expected = (scores[:, :, 1] - scores[:, :, 0]).sigmoid()
    torch.testing.assert_close(two_channel_scores(scores), expected)


def test_another_number_of_channels():
    with pytest.raises(ValueError, match=r'got \(5, 1, 6, 7\)'):
        two_channel_scores(torch.zeros(5, 1, 6, 7))

# Copyright (c) mmavs developers. All rights reserved.
"""Binary scores of models with one channel for background and one for the sounding object."""

from torch import Tensor


def two_channel_scores(scores: Tensor) -> Tensor:
    """Foreground probability: softmax over two score channels, channel 1.

    Source: the evaluators of VCT and COMBO. With these, ``AVSBenchMetric(f_batch_size=1)`` gives
    their mIoU and F, which they round to 4 decimals.

    Args:
        scores (Tensor): (..., 2, H, W).

    Returns:
        Tensor: (..., H, W) in [0, 1].

    Raises:
        ValueError: If there are not two channels.
    """
    if scores.ndim < 3 or scores.shape[-3] != 2:
        raise ValueError(f'Expected scores (..., 2, H, W), got {tuple(scores.shape)}.')
    return scores.softmax(-3).select(-3, 1)

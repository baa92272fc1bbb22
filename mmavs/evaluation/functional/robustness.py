# Copyright (c) mmavs developers. All rights reserved.
"""Scores of a model that hears something else than what is to be seen (AVSBench-Robust)."""

import torch
from torch import Tensor


def activated_area(pred: Tensor) -> Tensor:
    """The share of each frame that is predicted as sounding, AVSBench-Robust's «FPR».

    Where the sound does not belong to the picture every predicted pixel is false, so it is a false
    positive rate there. With the real sound it counts the right pixels too.

    Source: ``calculate_FPR`` of AVSBench-Robust.

    Args:
        pred (Tensor): (N, H, W) bool.

    Returns:
        Tensor: (N,) float64 in [0, 1].

    Raises:
        TypeError: If the prediction is not bool.
    """
    if pred.dtype is not torch.bool:
        raise TypeError(f'The prediction must be bool, got {pred.dtype}: apply a threshold first.')
    return pred.flatten(1).double().mean(1)


def global_score(positive: float, negative: float) -> float:
    """How well a model segments what it hears and nothing else: ``2 p (1 - n) / (p + 1 - n)``.

    The harmonic mean of the score with the real sound and of what is missing from the score with a
    false one. 0 for a model that always stays silent; a model that ignores the sound has n = p.
    The repository of AVSBench-Robust gives no formula; this one agrees with an independent
    implementation and with published values (sheet metrics_robust, section 3).

    Args:
        positive (float): mIoU or F with the real sound, in [0, 1].
        negative (float): The same score with a false sound, in [0, 1].

    Returns:
        float: In [0, 1].

    Raises:
        ValueError: If a score is not within [0, 1].
    """
    for score in (positive, negative):
        if not 0 <= score <= 1:
            raise ValueError(f'Scores are within [0, 1], got {score}. Divide percent by 100.')
    quiet = 1 - negative
    return 2 * positive * quiet / (positive + quiet) if positive + quiet else 0.0

# Copyright (c) mmavs developers. All rights reserved.
"""F-measure of AVSBench over 255 thresholds, from one histogram instead of 255 passes."""

import numpy as np
import torch
from torch import Tensor

from .mask_iou import check_masks

NUM_THRESHOLDS = 255
STEPS = NUM_THRESHOLDS - 1
BETA2 = 0.3
EPS = 1e-20

_THRESHOLDS = (np.arange(NUM_THRESHOLDS) / STEPS).astype(np.float32)
_BELOW = np.nextafter(_THRESHOLDS, np.float32(-1))
# floor(p * 254) in float32 counts a score right up to its threshold, because rounding is monotone
# and t_i * 254 rounds to at least i. The exceptions are scores one step below a threshold whose
# product rounds up to it (there is one): these are found here and counted one lower.
_ROUNDED_UP = _BELOW[_BELOW * np.float32(STEPS) >= np.arange(NUM_THRESHOLDS)].tolist()


def thresholds() -> Tensor:
    """(255,) float32, ``i / 254``; the official ``linspace`` is within one rounding of these."""
    return torch.from_numpy(_THRESHOLDS.copy())


def threshold_index(scores: Tensor) -> Tensor:
    """The highest threshold that each score reaches, ``max {i : score >= i / 254}``, exactly.

    Args:
        scores (Tensor): float32 in [0, 1], any shape.

    Returns:
        Tensor: int32 in [0, 254], of the same shape.
    """
    index = (scores * STEPS).to(torch.int32)
    for value in _ROUNDED_UP:
        index -= (scores == value).to(torch.int32)
    return index


def threshold_histogram(scores: Tensor, target: Tensor) -> Tensor:
    """How many background and object pixels of each frame have which threshold index.

    Histograms are sums over pixels, and all that the F-measure needs of a frame.

    Args:
        scores (Tensor): (N, H, W) foreground probabilities, compared as float32.
        target (Tensor): (N, H, W) bool.

    Returns:
        Tensor: (N, 2, 255) int64 on the device of the scores; row 0 counts background.

    Raises:
        TypeError: If the ground truth is not bool.
        ValueError: If the shapes are not one (N, H, W), or a score is not within [0, 1].
    """
    check_masks(scores, target)
    scores = scores.float()
    _check_scores(scores)
    bins = len(scores) * 2 * NUM_THRESHOLDS
    frame = torch.arange(0, bins, 2 * NUM_THRESHOLDS, dtype=torch.int32, device=scores.device)
    index = threshold_index(scores)
    index += target.to(torch.int32) * NUM_THRESHOLDS
    index += frame[:, None, None]
    return torch.bincount(index.flatten(), minlength=bins).view(-1, 2, NUM_THRESHOLDS)


def precision_recall(histogram: Tensor) -> tuple[Tensor, Tensor]:
    """Precision and recall of each frame at each threshold (score >= threshold).

    Args:
        histogram (Tensor): (N, 2, 255) from :func:`threshold_histogram`.

    Returns:
        tuple[Tensor, Tensor]: Two (N, 255) float64, 0 where nothing is predicted or labelled.
    """
    # A pixel counts at its own threshold and all lower ones.
    false_positive, true_positive = histogram.flip(-1).cumsum(-1).flip(-1).double().unbind(1)
    predicted = false_positive + true_positive
    labelled = true_positive[:, :1]
    return true_positive / (predicted + EPS), true_positive / (labelled + EPS)


def f_curve(histogram: Tensor, beta2: float = BETA2) -> Tensor:
    """F-measure of each frame at each threshold.

    ``F = (1 + b2) * precision * recall / (b2 * precision + recall)``, 0 where both are 0.

    Source: ``Eval_Fmeasure`` of AVSBench, which averages these curves over the frames that have an
    object and only then takes the highest value.

    Args:
        histogram (Tensor): (N, 2, 255) from :func:`threshold_histogram`.
        beta2 (float): Weight of precision. Defaults to 0.3.

    Returns:
        Tensor: (N, 255) float64.
    """
    precision, recall = precision_recall(histogram)
    curve = (1 + beta2) * precision * recall / (beta2 * precision + recall)
    return curve.nan_to_num(nan=0.0)


def _check_scores(scores: Tensor) -> None:
    if scores.numel() == 0:
        return
    low, high = (bound.item() for bound in scores.aminmax())
    if not (low >= 0 and high <= 1):  # NaN, which aminmax passes on, is neither
        raise ValueError(
            f'Scores are probabilities within [0, 1], got {low} to {high}. Apply a sigmoid to '
            'logits.'
        )

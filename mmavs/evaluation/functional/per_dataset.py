# Copyright (c) mmavs developers. All rights reserved.
"""Scores from pixel counts that are summed over a whole data set (PascalVOC style)."""

from typing import NamedTuple

import torch
from torch import Tensor

from .class_areas import ClassAreas
from .f_measure import BETA2

ABSENT = ('zero', 'skip')
EPS_IOU = 2.2e-16
EPS_F = 1e-10


class DatasetScores(NamedTuple):
    """(C,) float64 each, NaN for a class that does not take part in the mean.

    ``iou``, ``f`` (beta2), ``f1``, and ``fdr``: the share of the pixels predicted as a class that
    are wrong.
    """

    iou: Tensor
    f: Tensor
    f1: Tensor
    fdr: Tensor


def dataset_scores(areas: ClassAreas, absent: str = 'zero', beta2: float = BETA2) -> DatasetScores:
    """Scores of each class from the counts of all frames together.

    The two published protocols differ in classes that are in neither prediction nor label:

    - ``'zero'`` (CAVP, CPM): they count as IoU 0, and are left out of F.
      ``F = (1 + b2) tp / ((1 + b2) tp + b2 fn + fp)``.
    - ``'skip'`` (DDESeg, RAVS): they are left out of both.
      ``F = (1 + b2) P R / (b2 P + R + 1e-10)`` with ``P = tp / (tp + fp + 1e-10)``, R alike.

    Source: ``utils/eval_utils.py`` of CAVP, ``util_tools/metrics.py`` of DDESeg.

    Args:
        areas (ClassAreas): (C,) each, summed over the data set.
        absent (str): ``'zero'`` or ``'skip'``. Defaults to ``'zero'``.
        beta2 (float): Weight of precision in F. Defaults to 0.3.

    Returns:
        DatasetScores: Take the nanmean over the classes that count.

    Raises:
        ValueError: If ``absent`` is unknown.
    """
    if absent not in ABSENT:
        raise ValueError(f'absent is {absent!r}, expected one of {ABSENT}.')
    correct, predicted, labelled, union = (area.double() for area in (*areas, areas.union))
    fdr = (predicted - correct) / predicted  # 0 / 0 is NaN: never predicted
    if absent == 'zero':
        f, f1 = (_f_of_counts(correct, predicted, labelled, b2) for b2 in (beta2, 1.0))
        return DatasetScores(correct / (union + EPS_IOU), f, f1, fdr)
    seen = torch.where(union > 0, 1.0, torch.nan).double()
    f, f1 = (_f_of_ratios(correct, predicted, labelled, b2) * seen for b2 in (beta2, 1.0))
    return DatasetScores(correct / (union + EPS_F) * seen, f, f1, fdr)


def _f_of_counts(correct: Tensor, predicted: Tensor, labelled: Tensor, beta2: float) -> Tensor:
    """NaN where a class is in neither prediction nor label, else 0 where none of it is found."""
    false_positive, false_negative = predicted - correct, labelled - correct
    weighted = (1 + beta2) * correct
    return weighted / (weighted + beta2 * false_negative + false_positive)


def _f_of_ratios(correct: Tensor, predicted: Tensor, labelled: Tensor, beta2: float) -> Tensor:
    precision, recall = correct / (predicted + EPS_F), correct / (labelled + EPS_F)
    return (1 + beta2) * precision * recall / (beta2 * precision + recall + EPS_F)

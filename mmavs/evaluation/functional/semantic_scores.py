# Copyright (c) mmavs developers. All rights reserved.
"""AVSBench's scores of semantic clips: class by class within each frame."""

from typing import NamedTuple

import torch
from torch import Tensor

from .class_areas import ClassAreas
from .f_measure import BETA2

EPS = 2.2e-16


class ClassScores(NamedTuple):
    """Sums over frames, (C,) each; they add up over clips and processes.

    - ``iou`` and ``f``: float64, sums of the IoU and of F.
    - ``count``: int64, frames that have the class in prediction or label.
    """

    iou: Tensor
    f: Tensor
    count: Tensor


def frame_class_scores(areas: ClassAreas, beta2: float = BETA2) -> ClassScores:
    """IoU and F of every class in every frame, summed over the frames.

    A class that is only predicted or only labelled in a frame adds 0 and is counted; one that is in
    neither is not counted. So one stray pixel costs as much as a missed object.

    Source: ``calc_color_miou_fscore`` of AVSBench and AVSegFormer.

    Args:
        areas (ClassAreas): (N, C) each.
        beta2 (float): Weight of precision. Defaults to 0.3.

    Returns:
        ClassScores: (C,) each.
    """
    correct, union = areas.correct.double(), areas.union.double()
    precision = correct / areas.predicted
    recall = correct / areas.labelled
    f = (1 + beta2) * precision * recall / (beta2 * precision + recall)
    iou = correct / (union + EPS)
    return ClassScores(iou.sum(0), f.nan_to_num(nan=0.0).sum(0), (union > 0).sum(0))


def class_means(scores: ClassScores) -> tuple[Tensor, Tensor]:
    """IoU and F of each class, 0 for one that was never counted.

    Args:
        scores (ClassScores): (C,) each, of the whole split.

    Returns:
        tuple[Tensor, Tensor]: Two (C,) float64.
    """
    count = scores.count.clamp(min=1)
    return scores.iou / count, scores.f / count


def add_background_frames(scores: ClassScores, num_frames: int) -> ClassScores:
    """Add frames that are all background in label and prediction.

    The official loaders fill up short clips with such frames, and the official scores count them:
    IoU and F of class 0 are 1 there, no other class is touched.

    Args:
        scores (ClassScores): (C,) each.
        num_frames (int): How many.

    Returns:
        ClassScores: New tensors.
    """
    first = torch.zeros_like(scores.count)
    first[0] = num_frames
    return ClassScores(*(total + first for total in scores))

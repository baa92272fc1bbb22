# Copyright (c) mmavs developers. All rights reserved.
"""How many pixels of each class a prediction has, and how many of them are right."""

from typing import NamedTuple

import torch
from torch import Tensor


class ClassAreas(NamedTuple):
    """Pixel counts by frame and class, (N, C) int64; they add up over frames.

    - ``correct``: pixels of the class in prediction and label (true positives).
    - ``predicted``: pixels of the class in the prediction.
    - ``labelled``: pixels of the class in the label.
    """

    correct: Tensor
    predicted: Tensor
    labelled: Tensor

    @property
    def union(self) -> Tensor:
        """Tensor: (N, C) int64, pixels of the class in prediction or label."""
        return self.predicted + self.labelled - self.correct


def class_areas(
    pred: Tensor,
    target: Tensor,
    num_classes: int,
    ignore_index: int | None = None,
    void_index: int | None = None,
) -> ClassAreas:
    """Count pixels frame by frame and class by class.

    Args:
        pred (Tensor): (N, H, W) int, classes from 0 to C - 1.
        target (Tensor): (N, H, W) int, classes from 0 to C - 1.
        num_classes (int): C, with the background.
        ignore_index (int, optional): Pixels with this label count nowhere, not in the prediction
            either. Defaults to None: the label may not hold any other value.
        void_index (int, optional): Pixels with this label are of no class, so that whatever is
            predicted there is wrong. Defaults to None.

    Returns:
        ClassAreas: Of (N, C) each.

    Raises:
        ValueError: If the shapes are not one (N, H, W), or a value is no class.
    """
    if target.ndim != 3 or pred.shape != target.shape:
        raise ValueError(
            'Prediction and label must have one shape (N, H, W), got '
            f'{tuple(pred.shape)} and {tuple(target.shape)}.'
        )
    frame = torch.arange(len(pred), device=pred.device)[:, None] * (num_classes + 1)
    pred, target = pred.flatten(1).long(), target.flatten(1).to(pred.device).long()
    # The last column takes what counts nowhere and is dropped.
    ignored = torch.zeros_like(target, dtype=torch.bool)
    if ignore_index is not None:
        ignored = target == ignore_index
    void = ignored if void_index is None else ignored | (target == void_index)
    check_classes('prediction', pred[~ignored], num_classes)
    check_classes('label', target[~void], num_classes)
    pred, target = pred.masked_fill(ignored, num_classes), target.masked_fill(void, num_classes)

    def count(values: Tensor) -> Tensor:
        bins = torch.bincount((values + frame).flatten(), minlength=len(pred) * (num_classes + 1))
        return bins.view(len(pred), num_classes + 1)[:, :num_classes]

    correct = pred.masked_fill(pred != target, num_classes)
    return ClassAreas(count(correct), count(pred), count(target))


def is_multi_source(target: Tensor, min_pixels: int = 100) -> Tensor:
    """Which frames show several sounding objects, as CAVP's trainers choose them.

    A frame counts if more than two values of its label have more than ``min_pixels`` pixels each.
    Any value counts, so pixels without a label (255) count as one.

    Args:
        target (Tensor): (N, H, W) int.
        min_pixels (int): Defaults to 100.

    Returns:
        Tensor: (N,) bool.
    """
    flags = [
        int((torch.unique(frame, return_counts=True)[1] > min_pixels).sum()) > 2 for frame in target
    ]
    return torch.tensor(flags, dtype=torch.bool, device=target.device)


def check_classes(name: str, values: Tensor, num_classes: int) -> None:
    """Refuse values outside 0 .. ``num_classes`` - 1.

    Raises:
        ValueError: If one is outside.
    """
    if values.numel() == 0:
        return
    low, high = (int(bound) for bound in values.aminmax())
    if low < 0 or high >= num_classes:
        raise ValueError(
            f'The {name} has values from {low} to {high}, expected classes 0 to {num_classes - 1}.'
        )

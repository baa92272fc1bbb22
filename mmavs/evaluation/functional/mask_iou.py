# Copyright (c) mmavs developers. All rights reserved.
"""Mask IoU of AVSBench, the J of S4 and MS3."""

import torch
from torch import Tensor

EPS = 1e-7


def mask_iou(pred: Tensor, target: Tensor) -> Tensor:
    """IoU of each frame; a frame without an object scores the share that is rightly left empty.

    ``|P and G| / (|P or G| + eps)`` where the ground truth has pixels, else
    ``|not P| / (H * W + eps)``, with ``eps = 1e-7``.

    Source: ``mask_iou`` of AVSBench. The official function takes soft masks too and gives something
    else on them; here both are bool, so binarise first.

    Args:
        pred (Tensor): (N, H, W) bool.
        target (Tensor): (N, H, W) bool.

    Returns:
        Tensor: (N,) float64 in [0, 1].

    Raises:
        TypeError: If one of them is not bool.
        ValueError: If they are not of one shape (N, H, W).
    """
    check_masks(pred, target)
    if pred.dtype is not torch.bool:
        raise TypeError(f'The prediction must be bool, got {pred.dtype}: apply a threshold first.')
    pred, target = pred.flatten(1), target.flatten(1)
    intersection = (pred & target).sum(1).double()
    union = (pred | target).sum(1).double()
    size = pred.shape[1]
    is_empty = ~target.any(1)
    # Without an object the union is what was predicted.
    return torch.where(is_empty, (size - union) / (size + EPS), intersection / (union + EPS))


def check_masks(pred: Tensor, target: Tensor) -> None:
    """Refuse what is no prediction (N, H, W) with its binary ground truth.

    Args:
        pred (Tensor): (N, H, W) masks or scores.
        target (Tensor): (N, H, W) bool.

    Raises:
        TypeError: If the ground truth is not bool.
        ValueError: If the shapes differ or are not (N, H, W).
    """
    if target.dtype is not torch.bool:
        raise TypeError(f'The ground truth must be bool, got {target.dtype}: binarise it first.')
    if target.ndim != 3 or pred.shape != target.shape:
        raise ValueError(
            'Prediction and ground truth must have one shape (N, H, W), got '
            f'{tuple(pred.shape)} and {tuple(target.shape)}.'
        )

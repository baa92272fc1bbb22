# Copyright (c) mmavs developers. All rights reserved.
"""What the queries of a mask transformer say about its use of sound."""

import torch
from torch import Tensor

from mmavs.structures import IGNORE_INDEX

from .class_areas import check_classes


def class_coverage(
    query_labels: Tensor, target: Tensor, num_classes: int, background: int | None = 0
) -> Tensor:
    """Jaccard index of the classes that queries predict and those that are in the label.

    Source: «classification coverage», Class-conditional Prompting Machine, section 4.5, where the
    queries are taken after the audio decoder. A frame with neither scores 1.

    Args:
        query_labels (Tensor): (N, Q) int64, class of each query, ``num_classes`` for no object.
        target (Tensor): (N, H, W) int, 255 where there is no label.
        num_classes (int): C, with the background.
        background (int, optional): Class that is left out of both sets. Defaults to 0.

    Returns:
        Tensor: (N,) float64 in [0, 1].

    Raises:
        ValueError: If the shapes do not fit, or a value is no class.
    """
    if query_labels.ndim != 2 or target.ndim != 3 or len(query_labels) != len(target):
        raise ValueError(
            'Expected query_labels (N, Q) and a label (N, H, W), got '
            f'{tuple(query_labels.shape)} and {tuple(target.shape)}.'
        )
    check_query_labels(query_labels, num_classes)
    target = target.flatten(1).to(query_labels.device).long()
    unlabelled = target == IGNORE_INDEX
    check_classes('label', target[~unlabelled], num_classes)
    target = target.masked_fill(unlabelled, num_classes)
    predicted, present = (_class_sets(x, num_classes) for x in (query_labels.long(), target))
    if background is not None:
        predicted[:, background] = present[:, background] = False
    shared, union = (predicted & present).sum(1).double(), (predicted | present).sum(1).double()
    return torch.where(union > 0, shared / union.clamp(min=1), 1.0)


def matching_stability(histogram: Tensor) -> float:
    """STS: how little the queries are bound to classes, lower is better.

    For every class the entropy (natural logarithm) of the queries that it was assigned to; the mean
    over the classes that were assigned at least once. 0 if each class has a query of its own,
    ln(N) if a class goes to all N queries alike.

    Source: Class-conditional Prompting Machine, section 4.5. The paper leaves the base of the
    logarithm and classes without an assignment open.

    Args:
        histogram (Tensor): (C, N) int, how often query n was matched to class c in an epoch; no
            object is no class.

    Returns:
        float: In [0, ln N]; NaN where nothing was assigned at all.

    Raises:
        ValueError: If it is not (C, N), or has a negative count.
    """
    if histogram.ndim != 2 or (histogram < 0).any():
        raise ValueError(f'Expected counts (C, N), got {tuple(histogram.shape)} or negative ones.')
    assigned = histogram[histogram.sum(1) > 0].double()
    if not len(assigned):
        return float('nan')
    share = assigned / assigned.sum(1, keepdim=True)
    return -torch.xlogy(share, share).sum(1).mean().item()


def check_query_labels(labels: Tensor, num_classes: int) -> None:
    """Refuse labels outside 0 .. ``num_classes``, which stands for no object.

    Args:
        labels (Tensor): int, any shape.
        num_classes (int): C.

    Raises:
        ValueError: If one is outside.
    """
    if labels.numel() == 0:
        return
    low, high = (int(bound) for bound in labels.aminmax())
    if low < 0 or high > num_classes:
        raise ValueError(
            f'The query_labels have values from {low} to {high}, expected 0 to {num_classes - 1}, '
            f'and {num_classes} for no object.'
        )


def _class_sets(labels: Tensor, num_classes: int) -> Tensor:
    """(N, C) bool, which classes occur in rows of (N, X) labels."""
    sets = torch.zeros(len(labels), num_classes + 1, dtype=torch.bool, device=labels.device)
    return sets.scatter_(1, labels, True)[:, :num_classes]

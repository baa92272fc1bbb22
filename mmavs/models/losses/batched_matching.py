# Copyright (c) mmavs developers. All rights reserved.
"""mmdet's Hungarian matching with an axis for frames, and one copy to the CPU for all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from mmdet.models.task_modules.assigners import (
    ClassificationCost,
    CrossEntropyLossCost,
    DiceCost,
    FocalLossCost,
    HungarianAssigner,
)
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmavs.registry import TASK_UTILS


@TASK_UTILS.register_module()
class BatchedClassificationCost(ClassificationCost):
    """:class:`mmdet.ClassificationCost` of one frame or of several: -softmax(scores)[label].

    Args:
        weight (float): Factor of the cost. Defaults to 1.
    """

    takes_frames = True

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, *_: Any, **__: Any
    ) -> Tensor:
        """Cost (..., Q, N) of ``scores`` (..., Q, K+1) and ``labels`` (..., N)."""
        probabilities = pred_instances.scores.softmax(-1)
        return -self.weight * probabilities.take_along_dim(gt_instances.labels.unsqueeze(-2), -1)


@TASK_UTILS.register_module()
class BatchedCrossEntropyLossCost(CrossEntropyLossCost):
    """:class:`mmdet.CrossEntropyLossCost` of one frame or of several: mean BCE over the points.

    With x the logit and t the target, BCE is softplus(x) - x t: one product of matrices where the
    formula in two halves takes two.

    Args:
        weight (float): Factor of the cost. Defaults to 1.
    """

    takes_frames = True

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__(weight=weight)

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, *_: Any, **__: Any
    ) -> Tensor:
        """Cost (..., Q, N) of logits ``masks`` (..., Q, P) and targets ``masks`` (..., N, P)."""
        logits, targets = pred_instances.masks, gt_instances.masks
        total = F.softplus(logits).sum(-1, keepdim=True) - logits @ targets.mT
        return self.weight * total / logits.shape[-1]


@TASK_UTILS.register_module()
class BatchedFocalLossCost(FocalLossCost):
    """:class:`mmdet.FocalLossCost` of masks, of one frame or of several: mean over the points.

    Args:
        weight (float): Factor of the cost. Defaults to 1.
        alpha (float): Weight of points inside of a mask, 1 - alpha of those outside. Defaults to
            0.25.
        gamma (float): Exponent of 1 - probability of the truth. Defaults to 2.
    """

    takes_frames = True

    def __init__(self, weight: float = 1.0, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__(alpha=alpha, gamma=gamma, binary_input=True, weight=weight)

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, *_: Any, **__: Any
    ) -> Tensor:
        """Cost (..., Q, N) of logits ``masks`` (..., Q, P) and targets ``masks`` (..., N, P)."""
        logits, targets = pred_instances.masks, gt_instances.masks
        scores = logits.sigmoid()
        inside = self.alpha * (1 - scores).pow(self.gamma) * F.softplus(-logits)
        outside = (1 - self.alpha) * scores.pow(self.gamma) * F.softplus(logits)
        total = outside.sum(-1, keepdim=True) + (inside - outside) @ targets.mT
        return self.weight * total / logits.shape[-1]


@TASK_UTILS.register_module()
class BatchedDiceCost(DiceCost):
    """:class:`mmdet.DiceCost` of one frame or of several, with first powers in the denominator.

    Args:
        weight (float): Factor of the cost. Defaults to 1.
        eps (float): Added to numerator and denominator. Defaults to 1, as in Mask2Former.
    """

    takes_frames = True

    def __init__(self, weight: float = 1.0, eps: float = 1.0) -> None:
        super().__init__(pred_act=True, eps=eps, naive_dice=True, weight=weight)

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, *_: Any, **__: Any
    ) -> Tensor:
        """Cost (..., Q, N) of logits ``masks`` (..., Q, P) and targets ``masks`` (..., N, P)."""
        scores, targets = pred_instances.masks.sigmoid(), gt_instances.masks
        areas = scores.sum(-1, keepdim=True) + targets.sum(-1).unsqueeze(-2)
        return self.weight * (1 - (2 * scores @ targets.mT + self.eps) / (areas + self.eps))


@TASK_UTILS.register_module()
class BatchedHungarianAssigner(HungarianAssigner):
    """:class:`mmdet.HungarianAssigner` whose costs and solutions are asked for apart.

    So the costs of all frames and layers can be computed where the predictions are, and be copied
    to the CPU together. :meth:`assign` matches a single frame, as mmdet's.

    Args:
        match_costs (Sequence[dict]): Costs that take an axis for frames.

    Raises:
        ValueError: If a cost does not.
    """

    def __init__(self, match_costs: Sequence[dict]) -> None:
        self.match_costs = [TASK_UTILS.build(cost) for cost in match_costs]
        for cost in self.match_costs:
            if not getattr(cost, 'takes_frames', False):
                raise ValueError(
                    f'{type(cost).__name__} in match_costs takes one frame at a time. Choose '
                    'BatchedClassificationCost, BatchedCrossEntropyLossCost, BatchedFocalLossCost '
                    'or BatchedDiceCost, or give yours an axis for frames and an attribute '
                    'takes_frames = True.'
                )

    def cost(self, scores: Tensor, logits: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
        """Weighted sum of the costs of m frames.

        Args:
            scores (Tensor): (m, Q, K+1) class logits.
            logits (Tensor): (m, Q, P) mask logits at P points.
            labels (Tensor): (m, N) int64 classes of N targets a frame.
            masks (Tensor): (m, N, P) targets at the points, in [0, 1].

        Returns:
            Tensor: (m, Q, N).
        """
        predicted = InstanceData(scores=scores, masks=logits)
        truth = InstanceData(labels=labels, masks=masks)
        return sum(cost(predicted, truth) for cost in self.match_costs)

    @staticmethod
    def solve(costs: np.ndarray, counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The cheapest pairs of each frame.

        Args:
            costs (np.ndarray): (N, Q), the targets of all frames one after the other.
            counts (Sequence[int]): Targets of each frame, N in all.

        Returns:
            tuple: Queries (n,) and targets (n,) of the pairs, numbered over all frames; frame by
            frame, queries ascending. n < N where a frame has more targets than queries.
        """
        queries, targets, start = [], [], 0
        for count in counts:
            if count:
                found, slots = linear_sum_assignment(costs[start : start + count].T)
                queries.append(found)
                targets.append(slots + start)
            start += count
        if not queries:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(queries), np.concatenate(targets)

# Copyright (c) mmavs developers. All rights reserved.
"""The objective of query heads: queries are matched to masks, every decoder layer for itself."""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
import torch
from mmcv.ops import point_sample
from mmdet.models.utils import get_uncertain_point_coords_with_randomness
from mmengine.dist import all_reduce
from torch import Tensor, nn

from mmavs.registry import MODELS, TASK_UTILS
from mmavs.utils.query_assignments import publish_assignments

from .frame_targets import FrameTargets, split_labels

OUTSIDE = -1e4
"""float: A logit whose BCE, focal loss and share in Dice are 0 where the target is 0."""


class Matches(NamedTuple):
    """Which query stands for which target, for each of L predictions.

    Attributes:
        queries (Tensor): (L, n) int64, frame by frame, ascending within a frame.
        targets (Tensor): (L, n) int64, positions among the N of :class:`FrameTargets`.
        labels (Tensor): (L, M, Q) int64, the class of each query, K where it stands for nothing.
    """

    queries: Tensor
    targets: Tensor
    labels: Tensor


@MODELS.register_module()
class MaskMatchingCriterion(nn.Module):
    """Matching, cross-entropy, and BCE and Dice at sampled points (Mask2Former; VCT sheet 6).

    The defaults are those of VCT and COMBO. Runs in float32 under autocast.

    The costs of all frames and layers go to the CPU in one copy, where the official code makes one
    for each (8 clips of MS3: 400). So the points of the matching are drawn for all layers before
    those of the losses; apart from that the draws are the official ones.

    Args:
        num_classes (int): K, with the background; class K is «no object».
        assigner (dict, optional): A :class:`BatchedHungarianAssigner`. Defaults to the costs 2, 5
            and 5 of class, BCE and Dice.
        loss_cls (dict, optional): Of class logits; its ``class_weight`` (K+1) makes a weighted
            mean. Defaults to cross-entropy with weight 2 and 0.1 for no object.
        loss_mask (dict, optional): Of logits at points. Defaults to BCE with weight 5.
        loss_dice (dict, optional): Of logits at points. Defaults to Dice with weight 5, eps 1.
        num_points (int): P, points of a frame for the matching, of a mask for the losses. Defaults
            to 12544.
        oversample_ratio (float): Points looked at for each point of the losses. Defaults to 3.
        importance_sample_ratio (float): Share of the points of the losses that are those with the
            least certain logits; the others are random. Defaults to 0.75.
        ignore_unlabelled (bool): Points without a label (255) count neither for costs nor for
            losses; officially they are outside of every mask. Defaults to False.

    Raises:
        ValueError: If an argument is out of range, or ``class_weight`` has not K+1 numbers.
    """

    def __init__(
        self,
        num_classes: int,
        assigner: dict | None = None,
        loss_cls: dict | None = None,
        loss_mask: dict | None = None,
        loss_dice: dict | None = None,
        num_points: int = 12544,
        oversample_ratio: float = 3.0,
        importance_sample_ratio: float = 0.75,
        ignore_unlabelled: bool = False,
    ) -> None:
        super().__init__()
        if num_points < 1 or oversample_ratio < 1 or not 0 <= importance_sample_ratio <= 1:
            raise ValueError(
                'Expected num_points and oversample_ratio of at least 1 and an '
                f'importance_sample_ratio from 0 to 1, got {num_points}, {oversample_ratio} and '
                f'{importance_sample_ratio}.'
            )
        self.num_classes = num_classes
        self.num_points = num_points
        self.ignore_unlabelled = ignore_unlabelled
        self.sampling = (num_points, oversample_ratio, importance_sample_ratio)
        self.assigner = TASK_UTILS.build(assigner or default_assigner())
        self.loss_cls = MODELS.build(loss_cls or default_class_loss(num_classes))
        self.loss_mask = MODELS.build(
            loss_mask or dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0)
        )
        self.loss_dice = MODELS.build(
            loss_dice or dict(type='mmdet.DiceLoss', naive_dice=True, eps=1.0, loss_weight=5.0)
        )
        class_weight = getattr(self.loss_cls, 'class_weight', None) or [1.0] * (num_classes + 1)
        if len(class_weight) != num_classes + 1:
            raise ValueError(
                f'class_weight of loss_cls has {len(class_weight)} numbers, expected '
                f'{num_classes + 1}: one for each of num_classes={num_classes} and one for no '
                'object.'
            )
        self.register_buffer('class_weight', torch.tensor(class_weight), persistent=False)

    def forward(
        self,
        cls_scores: Sequence[Tensor],
        mask_logits: Sequence[Tensor],
        target: Tensor,
        annotated: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of all predictions.

        Args:
            cls_scores (Sequence[Tensor]): L times (V, Q, K+1), of the initial queries and after
                each layer, so the last is the result.
            mask_logits (Sequence[Tensor]): L times (V, Q, h, w).
            target (Tensor): (V, H, W) int64 classes, 255 is ignored.
            annotated (Tensor, optional): (V,) bool, frames that count. Defaults to None: all.

        Returns:
            dict[str, Tensor]: Weighted scalars ``loss_cls``, ``loss_mask`` and ``loss_dice`` of the
            last prediction, ``d0.loss_cls`` and so on of the others. Without a target the masks'
            losses are 0, with a gradient of 0.

        Raises:
            ValueError: If the logits do not have K+1 classes, a label is no class, or the costs
                are not finite.
        """
        return self.matched_losses(cls_scores, mask_logits, target, annotated)[0]

    def matched_losses(
        self,
        cls_scores: Sequence[Tensor],
        mask_logits: Sequence[Tensor],
        target: Tensor,
        annotated: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], Matches]:
        """The losses, and which query stands for which target; see :meth:`forward`."""
        targets = split_labels(target, self.num_classes, annotated)
        matches = self.match(cls_scores, mask_logits, targets)
        publish_assignments(matches.labels[-1], self.num_classes)
        return self.losses(cls_scores, mask_logits, targets, matches), matches

    @torch.no_grad()
    def match(
        self, cls_scores: Sequence[Tensor], mask_logits: Sequence[Tensor], targets: FrameTargets
    ) -> Matches:
        """Match the queries of each prediction to the targets; see :meth:`forward`."""
        classes = cls_scores[0].shape[-1]
        if classes != self.num_classes + 1:
            raise ValueError(
                f'The class logits have {classes} columns, expected {self.num_classes + 1}: '
                f'num_classes={self.num_classes} of the criterion, and no object.'
            )
        device, num_layers = targets.labels.device, len(cls_scores)
        shape = (num_layers, len(targets.counts), cls_scores[0].shape[1])
        labels = torch.full(shape, self.num_classes, device=device)
        if not len(targets.labels):
            none = labels.new_zeros(num_layers, 0)
            return Matches(none, none, labels)
        with torch.autocast(device.type, enabled=False):
            costs = {
                layer: self._costs(cls_scores[layer], mask_logits[layer], targets)
                for layer in official_order(num_layers)
            }
        on_cpu = torch.stack([costs[layer] for layer in range(num_layers)]).cpu().numpy()
        if not np.isfinite(on_cpu).all():
            raise ValueError(
                'The costs of the matching are not finite: the predictions of the head are '
                'infinite or NaN. Lower the learning rate, or train without AMP.'
            )
        pairs = np.stack([self.assigner.solve(layer, targets.counts) for layer in on_cpu], 1)
        queries, found = torch.from_numpy(pairs).to(device, non_blocking=True)
        layers = torch.arange(num_layers, device=device)[:, None]
        labels[layers, targets.frames[found], queries] = targets.labels[found]
        return Matches(queries, found, labels)

    def losses(
        self,
        cls_scores: Sequence[Tensor],
        mask_logits: Sequence[Tensor],
        targets: FrameTargets,
        matches: Matches,
    ) -> dict[str, Tensor]:
        """Losses of predictions whose queries are matched; see :meth:`forward`."""
        device = targets.labels.device
        num_masks = torch.tensor(float(len(targets.labels)), device=device)
        all_reduce(num_masks, 'mean')
        num_masks = num_masks.clamp(min=1)
        losses = {}
        with torch.autocast(device.type, enabled=False):
            for layer in official_order(len(cls_scores)):
                prefix = '' if layer == len(cls_scores) - 1 else f'd{layer}.'
                labels = matches.labels[layer].flatten()
                losses[f'{prefix}loss_cls'] = self.loss_cls(
                    targets.choose(cls_scores[layer]).float().flatten(0, 1),
                    labels,
                    avg_factor=self.class_weight[labels].sum(),
                )
                found = matches.targets[layer]
                logits = mask_logits[layer][targets.rows[found], matches.queries[layer]].float()
                mask, dice = self._mask_losses(logits[:, None], targets, found, num_masks)
                losses[f'{prefix}loss_mask'], losses[f'{prefix}loss_dice'] = mask, dice
        return losses

    def _costs(self, cls_score: Tensor, mask_logits: Tensor, targets: FrameTargets) -> Tensor:
        """Costs (N, Q) of one prediction, at points of its own for each frame."""
        cls_score, mask_logits = targets.choose(cls_score), targets.choose(mask_logits)
        places = (targets.frames, targets.slots)
        points = torch.rand(len(cls_score), self.num_points, 2, device=cls_score.device)
        # Frames have different numbers of targets, so they are padded to the largest.
        padded = (len(cls_score), max(targets.counts))
        labels = targets.labels.new_zeros(padded).index_put(places, targets.labels)
        blocked = self._blocked(points, targets.labelled)
        of_masks = None if blocked is None else blocked[targets.frames]
        sampled = point_sample(targets.masks, points[targets.frames])
        sampled = block(sampled, of_masks, 0.0).squeeze(1)
        masks = sampled.new_zeros(*padded, self.num_points).index_put(places, sampled)
        size = frames_at_once(cls_score.device)
        parts = [x.split(size) for x in (cls_score, mask_logits, points, labels, masks)]
        parts.append(repeat(None) if blocked is None else blocked.split(size))
        costs = []
        for score, logit, point, label, mask, off in zip(*parts):
            logits = block(point_sample(logit.float(), point), off, OUTSIDE)
            costs.append(self.assigner.cost(score.float(), logits, label, mask))
        return torch.cat(costs).mT[places]

    def _blocked(self, points: Tensor, labelled: Tensor | None) -> Tensor | None:
        """(m, 1, P) bool, which of the points (m, P, 2) do not count; None: all do."""
        if labelled is None or not self.ignore_unlabelled:
            return None
        return point_sample(labelled, points) < 0.5

    def _mask_losses(
        self, logits: Tensor, targets: FrameTargets, found: Tensor, num_masks: Tensor
    ) -> tuple[Tensor, Tensor]:
        """BCE and Dice of logits (n, 1, h, w) at sampled points; found (n,) are their targets."""
        if not len(logits):
            return logits.sum(), logits.sum()  # 0, and in the graph
        with torch.no_grad():
            # The labels are not read where there is one map a mask.
            points = get_uncertain_point_coords_with_randomness(logits, None, *self.sampling)
            labelled = None if targets.labelled is None else targets.labelled[targets.frames[found]]
            blocked = self._blocked(points, labelled)
            goals = block(point_sample(targets.masks[found], points), blocked, 0.0).squeeze(1)
        scores = block(point_sample(logits, points), blocked, OUTSIDE).squeeze(1)
        mask = self.loss_mask(
            scores.flatten(), goals.flatten(), avg_factor=num_masks * self.num_points
        )
        return mask, self.loss_dice(scores, goals, avg_factor=num_masks)


def block(values: Tensor, blocked: Tensor | None, fill: float) -> Tensor:
    """Values with a number in the place of those that do not count."""
    return values if blocked is None else values.masked_fill(blocked, fill)


def frames_at_once(device: torch.device) -> int:
    """Frames whose costs are computed together.

    16 frames of 100 queries and 12544 points are 80 MB a temporary. On a CPU, where a single frame
    fills the caches, one at a time was twice as fast.
    """
    return 1 if device.type == 'cpu' else 16


def official_order(num_layers: int) -> list[int]:
    """The last prediction, then the others from the first on: so the official code draws points."""
    return [num_layers - 1, *range(num_layers - 1)]


def default_assigner() -> dict:
    """Matching of VCT and COMBO."""
    return dict(
        type='BatchedHungarianAssigner',
        match_costs=[
            dict(type='BatchedClassificationCost', weight=2.0),
            dict(type='BatchedCrossEntropyLossCost', weight=5.0),
            dict(type='BatchedDiceCost', weight=5.0),
        ],
    )


def default_class_loss(num_classes: int, no_object: float = 0.1) -> dict:
    """Cross-entropy of VCT and COMBO."""
    return dict(
        type='mmdet.CrossEntropyLoss',
        class_weight=[1.0] * num_classes + [no_object],
        loss_weight=2.0,
    )

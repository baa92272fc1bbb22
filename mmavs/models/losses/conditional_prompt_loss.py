# Copyright (c) mmavs developers. All rights reserved.
"""VCP: the prompt of a class shall find and name that class."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX

from .frame_targets import FrameTargets
from .mask_matching import Matches


@MODELS.register_module()
class ConditionalPromptLoss(nn.Module):
    """Visual conditional prompting of CPM (eq. 6; sheet cpm.md, section 5).

    The losses are those of the queries that are matched, but nothing is matched: the prompt of
    class k has to give the mask and the label k. So there is no «no object» either.

    Args:
        criterion (dict): ``MaskMatchingCriterion`` with the losses of the agnostic queries; its
            ``assigner`` is not asked.
        loss_weight (float): Factor of all losses. Defaults to 1.0.
    """

    def __init__(self, criterion: dict, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.criterion = MODELS.build(criterion)
        self.loss_weight = loss_weight

    def forward(
        self,
        cls_scores: Sequence[Tensor],
        mask_logits: Sequence[Tensor],
        classes: Tensor,
        target: Tensor,
    ) -> dict[str, Tensor]:
        """Losses of all predictions, means over the prompts.

        Args:
            cls_scores (Sequence[Tensor]): L times (V, P, K+1), of P prompts a frame, before the
                first and after each layer.
            mask_logits (Sequence[Tensor]): L times (V, P, h, w).
            classes (Tensor): (V, P) int64 classes of the prompts, negative where there is none.
            target (Tensor): (V, H, W) int64 classes, 255 is ignored.

        Returns:
            dict[str, Tensor]: Weighted scalars by the names of the criterion (``loss_cls``,
            ``d0.loss_cls`` ...); without a prompt 0, and in the graph.
        """
        prompted = classes >= 0
        targets, matches = self._given(classes[prompted], prompted, target, len(cls_scores))
        # Each prompt is a row of its own, with one query.
        losses = self.criterion.losses(
            [scores[prompted][:, None] for scores in cls_scores],
            [logits[prompted][:, None] for logits in mask_logits],
            targets,
            matches,
        )
        return {name: self.loss_weight * loss for name, loss in losses.items()}

    @staticmethod
    def _given(
        labels: Tensor, prompted: Tensor, target: Tensor, num_layers: int
    ) -> tuple[FrameTargets, Matches]:
        """What n prompts are to find, as if they had been matched."""
        rows = torch.arange(len(labels), device=labels.device)
        shown = target[prompted.nonzero()[:, 0]]
        targets = FrameTargets(
            chosen=None,
            counts=[1] * len(labels),
            rows=rows,
            frames=rows,
            slots=torch.zeros_like(rows),
            labels=labels,
            masks=(shown == labels[:, None, None]).float().unsqueeze(1),
            labelled=(shown != IGNORE_INDEX).float().unsqueeze(1),
        )
        found = rows.expand(num_layers, -1)
        return targets, Matches(
            torch.zeros_like(found), found, labels[:, None].expand(num_layers, -1, -1)
        )

# Copyright (c) mmavs developers. All rights reserved.
"""Groups that answer to the sound shall resemble it, the others not: CST of RAVS."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import SemanticMerge


@MODELS.register_module()
class GroupContrast(nn.Module):
    """Contrastive alignment of the groups of one stage (RAVS eq. 8 and 9; sheet section 4).

    With ``A_p`` the cosine of group p and the sound of its frame, and ``I = sigmoid(scale * A)``,
    groups with I above the threshold are positives, those below are negatives::

        loss = -log(sum_P exp(A / tau) / (sum_P exp(A / tau) + sum_N exp(A / tau)))

    No ground truth enters. A frame without a positive has no loss, one without a negative a loss
    that is always 0: neither counts in the mean. Which groups are positives carries no gradient.

    Args:
        tau (float): Temperature, not given by the paper. Defaults to 0.1.
        scale (float): sigma_p, not given by the paper; at a threshold of 0.5 any positive number
            splits the groups alike. Defaults to 10.
        threshold (float): eps_a. Defaults to 0.5.
        loss_weight (float): lambda_cst. Defaults to 0.1.
    """

    def __init__(
        self,
        tau: float = 0.1,
        scale: float = 10.0,
        threshold: float = 0.5,
        loss_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.tau = tau
        self.scale = scale
        self.threshold = threshold
        self.loss_weight = loss_weight

    def forward(self, merge: SemanticMerge, rows: Tensor | None = None) -> Tensor:
        """Mean over the frames that have positives and negatives.

        Args:
            merge (SemanticMerge): Of the last stage that merges; ``groups`` (V, P, D) and ``audio``
                (V, D) are read.
            rows (Tensor, optional): (V,) bool, frames that may count, e.g. those with a mask.
                Defaults to None: all.

        Returns:
            Tensor: Scalar, weighted; 0 and connected to the groups and the sound if no frame
            counts.
        """
        with torch.autocast(merge.groups.device.type, enabled=False):
            groups, audio = _at_least_float(merge.groups), _at_least_float(merge.audio)
            cosines = F.cosine_similarity(groups, audio[:, None], dim=-1)
            response = (cosines.detach() * self.scale).sigmoid()
            positive, negative = response > self.threshold, response < self.threshold
            counts = positive.any(1) & negative.any(1)
            if rows is not None:
                counts = counts & rows
            if not counts.any():
                return cosines.sum() * 0
            scores, positive, negative = (x[counts] for x in (cosines, positive, negative))
            scores = scores / self.tau
            own = scores.masked_fill(~positive, -torch.inf).logsumexp(1)
            every = scores.masked_fill(~(positive | negative), -torch.inf).logsumexp(1)
            return self.loss_weight * (every - own).mean()


def _at_least_float(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()

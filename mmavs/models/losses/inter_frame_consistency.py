# Copyright (c) mmavs developers. All rights reserved.
"""Inter-frame consistency: masks of neighbouring frames shall resemble each other."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout


@MODELS.register_module()
class InterFrameConsistency(nn.Module):
    """Adaptive inter-frame consistency of COMBO (sheet section 5).

    With d = 1 - cos of the mask logits of two neighbouring frames, the mean of d exp(-d) over all
    pairs; its slope is negative for d > 1, so frames that are too different are let be. All frames
    count, annotated or not, so S4 needs ``frames='all'``: a clip of which one frame was loaded has
    no pair.

    The valid frames of a clip are cut into groups from the first on, and pairs do not cross groups;
    the last group may be shorter, and one of a single frame has no pair. On clips of 5 and 10
    frames that is the official code, which cuts the stream of all frames into groups of 5.

    Args:
        group (int): Frames of a group. Defaults to 5.
        loss_weight (float): Factor of the loss. Defaults to 10.0.

    Raises:
        ValueError: If a group has no pair.
    """

    def __init__(self, group: int = 5, loss_weight: float = 10.0) -> None:
        super().__init__()
        if group < 2:
            raise ValueError(f'group must be at least 2 frames, got {group}.')
        self.group = group
        self.loss_weight = loss_weight

    def forward(self, mask_logits: Sequence[Tensor], layout: ClipLayout) -> dict[str, Tensor]:
        """Losses of all predictions but the last, as officially.

        Args:
            mask_logits (Sequence[Tensor]): L times (V, Q, h, w), of all valid frames; the last is
                the result.
            layout (ClipLayout): Of the clips.

        Returns:
            dict[str, Tensor]: Weighted scalars ``d0.loss_consistency`` to
            ``d{L-2}.loss_consistency``; 0, with a gradient of 0, if there is no pair.
        """
        pairs = self.pairs(layout)
        return {
            f'd{layer}.loss_consistency': self.loss_weight * consistency(logits, pairs)
            for layer, logits in enumerate(mask_logits[:-1])
        }

    def pairs(self, layout: ClipLayout) -> Tensor:
        """(V-1,) bool, whether a valid frame and the next are neighbours within a group."""
        valid = layout.valid.view(-1, layout.num_frames)
        position = (valid.cumsum(1) - 1)[valid]
        # The first frame of a clip has position 0, the first of a group a multiple of its size.
        return position[1:] % self.group > 0


def consistency(logits: Tensor, pairs: Tensor) -> Tensor:
    """Mean of d exp(-d) over pairs of neighbouring rows.

    Args:
        logits (Tensor): (V, Q, h, w).
        pairs (Tensor): (V-1,) bool, which rows count as a pair with the next.

    Returns:
        Tensor: Scalar.
    """
    with torch.autocast(logits.device.type, enabled=False):
        rows = logits.float().flatten(1)
        distance = 1 - F.cosine_similarity(rows[:-1], rows[1:])
        terms = distance * torch.exp(-distance)
        return (terms * pairs).sum() / pairs.sum().clamp(min=1)

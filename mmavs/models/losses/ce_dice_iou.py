# Copyright (c) mmavs developers. All rights reserved.
"""The segmentation objective of RAVS: cross-entropy, Dice and IoU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX

CLASSES = ('present', 'all')


@MODELS.register_module()
class CEDiceIoULoss(nn.Module):
    """Cross-entropy, soft Dice and soft IoU of a softmax over the classes (RAVS, eq. 2 and 12).

    The paper names the three; their form, the weights 5, 5 and 2 and the smoothing are those of
    DDESeg, the code of its first author (sheet, section 7). Cross-entropy is the mean over all
    labelled pixels; Dice and IoU are means over the classes of a frame, then over the frames with a
    label. Runs in float32 under autocast.

    Args:
        ce_weight (float): Factor of the cross-entropy. Defaults to 5.0.
        dice_weight (float): Factor of Dice. Defaults to 5.0.
        iou_weight (float): Factor of IoU. Defaults to 2.0. A factor 0 leaves its loss out.
        classes (str): Which classes of a frame count in Dice and IoU: ``'present'``, those that it
            shows, and background; ``'all'``, all K, as in DDESeg, where a class that is absent
            costs nearly 1 whatever is predicted. Defaults to ``'present'``.
        smooth (float): Added to numerators and denominators. Defaults to 1e-5.

    Raises:
        ValueError: If ``classes`` is neither.
    """

    def __init__(
        self,
        ce_weight: float = 5.0,
        dice_weight: float = 5.0,
        iou_weight: float = 2.0,
        classes: str = 'present',
        smooth: float = 1e-5,
    ) -> None:
        super().__init__()
        if classes not in CLASSES:
            raise ValueError(f'loss_seg.classes must be one of {CLASSES}, got {classes!r}.')
        self.weights = dict(ce=ce_weight, dice=dice_weight, iou=iou_weight)
        self.classes = classes
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The losses of some frames.

        Args:
            logits (Tensor): (M, K, H, W).
            target (Tensor): (M, H, W) int64 classes, 255 is ignored.

        Returns:
            dict[str, Tensor]: Scalars ``ce``, ``dice``, ``iou``, weighted; zero, with a gradient of
            zero, where no pixel has a label.
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
            log_scores = logits.log_softmax(1)
            labelled = target != IGNORE_INDEX
            entropy = F.nll_loss(log_scores, target, ignore_index=IGNORE_INDEX, reduction='sum')
            losses = dict(ce=entropy / labelled.sum().clamp(min=1))
            losses.update(self._overlaps(log_scores.exp(), target, labelled))
        return {name: weight * losses[name] for name, weight in self.weights.items() if weight}

    def _overlaps(self, scores: Tensor, target: Tensor, labelled: Tensor) -> dict[str, Tensor]:
        """Dice and IoU of scores (M, K, H, W) over the labelled pixels."""
        classes = torch.arange(scores.shape[1], device=target.device)[:, None, None]
        truth = target[:, None] == classes
        scores = scores.masked_fill(~labelled[:, None], 0)
        overlap = scores.masked_fill(~truth, 0).sum((2, 3))
        area = truth.sum((2, 3))
        both = scores.sum((2, 3)) + area
        counted = torch.ones_like(area, dtype=torch.bool)
        if self.classes == 'present':
            counted = area > 0
            counted[:, 0] = True
        frames = labelled.any(2).any(1)
        counted = (counted & frames[:, None]).to(scores.dtype)
        # every frame weighs the same, and its classes share that
        share = counted / (counted.sum(1, keepdim=True) * frames.sum()).clamp(min=1)
        dice = (2 * overlap + self.smooth) / (both + self.smooth)
        iou = (overlap + self.smooth) / (both - overlap + self.smooth)
        return dict(dice=(share * (1 - dice)).sum(), iou=(share * (1 - iou)).sum())

# Copyright (c) mmavs developers. All rights reserved.
"""Objectives on dense masks, around the losses of mmdet and torch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX


@MODELS.register_module()
class BinaryMaskLoss(nn.Module):
    """Dice or binary cross-entropy between one map of logits and «any class but background».

    Runs in float32 under autocast, over the pixels that have a label.

    Args:
        loss (dict): A loss on (M, H, W) logits and targets. Defaults to mmdet's ``DiceLoss`` with
            squared sums and eps 1e-3, whose value on an empty mask is 1 with zero gradient (the
            official loss of AVSegFormer, sheet section 7).
    """

    def __init__(self, loss: dict | None = None) -> None:
        super().__init__()
        self.loss = MODELS.build(loss or dict(type='mmdet.DiceLoss', eps=1e-3))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over the frames.

        Args:
            logits (Tensor): (M, 1, H, W), of annotated frames only.
            target (Tensor): (M, H, W) int64 classes, 0 is background, 255 is ignored.

        Returns:
            Tensor: Scalar.
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits.float().squeeze(1)
            labelled = target != IGNORE_INDEX
            foreground = (target > 0).float()
            if labelled.all():
                return self.loss(logits, foreground)
            # Frames have different numbers of labelled pixels, so they are scored one by one.
            losses = [
                self.loss(logits[frame][pixels][None], foreground[frame][pixels][None])
                for frame, pixels in enumerate(labelled)
                if pixels.any()
            ]
            return torch.stack(losses).mean() if losses else logits.sum() * 0


@MODELS.register_module()
class BinaryCrossEntropyLoss(nn.Module):
    """Mean binary cross-entropy of logits over all elements.

    mmdet's and mmseg's versions expand class labels; this is torch's, with a weight.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (scalar) of logits and targets in [0, 1] of one shape."""
        return self.loss_weight * F.binary_cross_entropy_with_logits(logits, target)


@MODELS.register_module()
class SemanticMaskLoss(nn.Module):
    """Cross-entropy over the K classes, mean over all pixels with a label; 0 if there are none.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (scalar) of logits (M, K, H, W) and classes (M, H, W) int64, 255 is ignored."""
        if (target == IGNORE_INDEX).all():  # a crop may miss the picture: the mean would be NaN
            return logits.float().sum() * 0
        with torch.autocast(logits.device.type, enabled=False):
            loss = F.cross_entropy(logits.float(), target, ignore_index=IGNORE_INDEX)
        return self.loss_weight * loss


@MODELS.register_module()
class MixingLoss(BinaryMaskLoss):
    """The auxiliary loss on the mixed mask feature (AVSegFormer, eq. 6; sheet section 7).

    The mean over the channels of the mask feature, upsampled to the mask, is taken as the logit of
    «something sounds here». The feature is never negative, so neither is this logit.

    Args:
        loss (dict): As of :class:`BinaryMaskLoss`. Defaults to Dice with weight 0.1.
    """

    def __init__(self, loss: dict | None = None) -> None:
        super().__init__(loss or dict(type='mmdet.DiceLoss', eps=1e-3, loss_weight=0.1))

    def forward(self, mask_feature: Tensor, target: Tensor) -> Tensor:
        """Mean over the frames.

        Args:
            mask_feature (Tensor): (M, D, h, w) after the mixer.
            target (Tensor): (M, H, W) int64 classes.

        Returns:
            Tensor: Scalar.
        """
        logits = mask_feature.float().mean(1, keepdim=True)
        logits = F.interpolate(logits, target.shape[-2:], mode='bilinear', align_corners=False)
        return super().forward(logits, target)

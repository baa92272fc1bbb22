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
class SemanticDiceLoss(nn.Module):
    """Dice of every class that a frame has, background included, mean over classes, then frames.

    AVSegFormer's paper trains all three tasks by Dice (eq. 4) and does not say how with more than
    one class; its code takes the cross-entropy. Here the softmax over the classes meets the label
    of each class. A class that a frame lacks would add 1 with zero gradient, so it is left out.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.0.
        eps (float): Added to both sums of squares, as in :class:`BinaryMaskLoss`. Defaults to 1e-3.
    """

    def __init__(self, loss_weight: float = 1.0, eps: float = 1e-3) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.eps = eps

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (scalar) of logits (M, K, H, W) and classes (M, H, W) int64, 255 is ignored."""
        with torch.autocast(logits.device.type, enabled=False):
            labelled = (target != IGNORE_INDEX)[:, None]
            scores = (logits.float().softmax(1) * labelled).flatten(2)
            classes = torch.arange(logits.shape[1], device=target.device)[:, None, None]
            truth = (target[:, None] == classes).flatten(2).float()
            present = truth.any(2).float()
            overlap = (scores * truth).sum(2)
            squares = scores.square().sum(2) + truth.sum(2) + 2 * self.eps
            dice = present * (1 - 2 * overlap / squares)
            per_frame = dice.sum(1) / present.sum(1).clamp(min=1)
            scored = present.any(1).sum().clamp(min=1)
            return self.loss_weight * per_frame.sum() / scored


@MODELS.register_module()
class MixingLoss(BinaryMaskLoss):
    """The auxiliary loss on the mixed mask feature (AVSegFormer, eq. 4; sheet section 7).

    The mean over the channels of the mask feature, upsampled to the mask, is taken as the logit of
    «something sounds here». The feature is never negative, so neither is this logit.

    Args:
        loss (dict): As of :class:`BinaryMaskLoss`. Defaults to Dice with weight 0.1.
    """

    def __init__(self, loss: dict | None = None) -> None:
        super().__init__(loss or dict(type='mmdet.DiceLoss', eps=1e-3, loss_weight=0.1))

    def mixed_logits(self, mask_feature: Tensor) -> Tensor:
        """Logits (M, 1, h, w) of the mask feature (M, D, h, w)."""
        return mask_feature.mean(1, keepdim=True)

    def forward(self, mask_feature: Tensor, target: Tensor) -> Tensor:
        """Mean over the frames.

        Args:
            mask_feature (Tensor): (M, D, h, w) after the mixer.
            target (Tensor): (M, H, W) int64 classes.

        Returns:
            Tensor: Scalar.
        """
        with torch.autocast(mask_feature.device.type, enabled=False):
            logits = self.mixed_logits(mask_feature.float())
            logits = F.interpolate(logits, target.shape[-2:], mode='bilinear', align_corners=False)
        return super().forward(logits, target)


@MODELS.register_module()
class LinearMixingLoss(MixingLoss):
    """The mixing loss as the paper has it: a linear layer integrates the channels (section «Loss
    Function»), so the logit can be negative. It belongs to the model and is trained with it.

    Args:
        embed_dims (int): D. Defaults to 256.
        loss (dict): As of :class:`MixingLoss`.
    """

    def __init__(self, embed_dims: int = 256, loss: dict | None = None) -> None:
        super().__init__(loss)
        self.integrate = nn.Conv2d(embed_dims, 1, 1)

    def mixed_logits(self, mask_feature: Tensor) -> Tensor:
        """Logits (M, 1, h, w) of the mask feature (M, D, h, w)."""
        return self.integrate(mask_feature)

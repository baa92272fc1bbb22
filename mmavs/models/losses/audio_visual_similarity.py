# Copyright (c) mmavs developers. All rights reserved.
"""Audio-visual similarity: queries shall differ as much as what they point at."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

REDUCTIONS = ('mean', 'sum')
MASKS = ('own', 'last')
EMPTY = 1e-6
"""float: A pooled visual feature that is shorter is none, and its frame has no pair."""


@MODELS.register_module()
class AudioVisualSimilarity(nn.Module):
    """L_sim of AQFormer (eq. 7 and 8; sheet section 6), summed over the decoder's layers.

    For frames p and q of a clip, ``|cos(A_p, A_q) - cos(Z_p, Z_q)|``, where A are the queries after
    a layer and Z_p is the mean over the pixels of the map that the layer reads times the predicted
    mask. No label is read, so all frames count, annotated or not.

    Args:
        loss_weight (float): lambda_sim. Defaults to 1.0.
        reduction (str): Over the pairs of a clip: ``'mean'`` of the pairs of different frames, or
            ``'sum'`` over all p and q as in eq. 7 (about 20 times as much with 5 frames). Either is
            averaged over the clips. Defaults to 'mean'.
        mask (str): Which prediction weighs the pixels: the layer's ``'own'`` or the ``'last'``.
            Defaults to 'own'.
        detach_mask (bool): Let no gradient through the mask. Defaults to True.

    Raises:
        ValueError: If a choice is not known.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
        mask: str = 'own',
        detach_mask: bool = True,
    ) -> None:
        super().__init__()
        choices = dict(reduction=(reduction, REDUCTIONS), mask=(mask, MASKS))
        for name, (value, allowed) in choices.items():
            if value not in allowed:
                raise ValueError(f'{name} must be one of {allowed}, got {value!r}.')
        self.loss_weight = loss_weight
        self.reduction = reduction
        self.mask = mask
        self.detach_mask = detach_mask

    def forward(
        self,
        queries: Sequence[Tensor],
        maps: Sequence[Tensor],
        mask_logits: Sequence[Tensor],
        layout: ClipLayout,
    ) -> Tensor:
        """Loss of a batch of clips, in float32 under autocast.

        Args:
            queries (Sequence[Tensor]): (V, D) after each of the L layers.
            maps (Sequence[Tensor]): (V, D, h, w) that each layer reads.
            mask_logits (Sequence[Tensor]): (V, 1, H, W) predicted after each layer.
            layout (ClipLayout): Of the V valid frames.

        Returns:
            Tensor: Scalar, weighted; 0, with a gradient of 0, if there is no pair.
        """
        with torch.autocast(queries[0].device.type, enabled=False):
            total = queries[0].new_zeros((), dtype=torch.float32)
            for query, feature, logits in zip(queries, maps, mask_logits, strict=True):
                mask = (logits if self.mask == 'own' else mask_logits[-1]).float().sigmoid()
                pooled = self.pool(feature.float(), mask.detach() if self.detach_mask else mask)
                total = total + self.layer_loss(query.float(), pooled, layout)
        return self.loss_weight * total

    @staticmethod
    def pool(feature: Tensor, mask: Tensor) -> Tensor:
        """Z (V, D), eq. 8, of maps (V, D, h, w) and masks (V, 1, H, W) in [0, 1]."""
        mask = F.interpolate(mask, feature.shape[-2:], mode='bilinear', align_corners=False)
        return (feature * mask).mean((2, 3))

    def layer_loss(self, queries: Tensor, pooled: Tensor, layout: ClipLayout) -> Tensor:
        """Eq. 7 of one layer, for queries and pooled features (V, D)."""
        # an empty feature has no direction, and the norm has no gradient there
        seen = pooled.norm(dim=1) > EMPTY
        pooled = pooled.masked_fill(~seen[:, None], 1.0)
        audio, visual = (layout.to_clips(F.normalize(x, dim=1)) for x in (queries, pooled))
        difference = (audio @ audio.mT - visual @ visual.mT).abs()
        real = layout.to_clips(seen)
        pairs = real[:, :, None] & real[:, None]
        pairs = pairs & ~torch.eye(layout.num_frames, dtype=torch.bool, device=pairs.device)
        per_clip = (difference * pairs).sum((1, 2))
        if self.reduction == 'mean':
            per_clip = per_clip / pairs.sum((1, 2)).clamp(min=1)
        return per_clip.mean()

# Copyright (c) mmavs developers. All rights reserved.
"""PCL: the sound that a prompt finds shall resemble the pixels of its class."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX

FAR = -1e9
"""float: A similarity that adds nothing to a sum of exponentials, but is a number."""


@MODELS.register_module()
class PixelAudioContrast(BaseModule):
    """Prompting-based contrastive learning of CPM (eq. 7 to 9; sheet cpm.md, section 5).

    An anchor is what a prompt finds in the audio map: the mean over the cells whose mask is above
    its mean. Pixels of its class attract it, all others of the batch repel it, background too.
    Both sides go through a linear layer and are made unit vectors.

    Args:
        audio_channels (int): Channels of the dense audio map. Defaults to 256.
        visual_channels (int): Channels of the mask feature. Defaults to 256.
        embed_dims (int): Of the space where they are compared. Defaults to 256.
        tau (float): Temperature. Defaults to 0.1.
        max_pixels (int): Pixels of each class but the background that are compared, of the whole
            batch. Defaults to 512.
        max_background (int): The same for the background. Defaults to 1024.
        loss_weight (float): Factor of the loss. Defaults to 1.0.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If a number is not above 0.
    """

    def __init__(
        self,
        audio_channels: int = 256,
        visual_channels: int = 256,
        embed_dims: int = 256,
        tau: float = 0.1,
        max_pixels: int = 512,
        max_background: int = 1024,
        loss_weight: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if tau <= 0 or max_pixels < 1 or max_background < 1:
            raise ValueError(
                'tau, max_pixels and max_background must be above 0, got '
                f'{tau}, {max_pixels} and {max_background}.'
            )
        self.tau = tau
        self.max_pixels = max_pixels
        self.max_background = max_background
        self.loss_weight = loss_weight
        self.audio_proj = nn.Linear(audio_channels, embed_dims)
        self.visual_proj = nn.Linear(visual_channels, embed_dims)

    def forward(
        self,
        audio_logits: Tensor,
        audio_map: Tensor,
        classes: Tensor,
        mask_feature: Tensor,
        target: Tensor,
    ) -> Tensor:
        """Mean over the anchors that have a pixel of their class among those of the batch.

        Args:
            audio_logits (Tensor): (V, P, t, f) masks m^a of P prompts a frame.
            audio_map (Tensor): (V, C_a, t, f) dense audio map u_a.
            classes (Tensor): (V, P) int64, negative where there is no prompt.
            mask_feature (Tensor): (V, C_v, h, w) pixels u_v.
            target (Tensor): (V, H, W) int64 classes, 255 is ignored.

        Returns:
            Tensor: Scalar, weighted; 0 and connected to every parameter if there is no anchor.
        """
        with torch.autocast(audio_map.device.type, enabled=False):
            dtype = self.audio_proj.weight.dtype
            prompted = classes >= 0
            found = masked_average(audio_logits.to(dtype), audio_map.to(dtype))[prompted]
            anchors = F.normalize(self.audio_proj(found), dim=-1)
            pixels, labels = self._pixels(mask_feature, target)
            pixels = F.normalize(self.visual_proj(pixels.to(dtype)), dim=-1)
            same = classes[prompted][:, None] == labels
            terms = supervised_info_nce(anchors @ pixels.mT / self.tau, same, ~same)
            counted = same.any(1)
            # Sums of nothing are 0, and in the graph.
            total = terms[counted].sum() + 0 * (anchors.sum() + pixels.sum())
            return self.loss_weight * total / counted.sum().clamp(min=1)

    @torch.no_grad()
    def _chosen(self, labels: Tensor) -> Tensor:
        """Positions (m,) among labels (n,) of the pixels that are compared, classes ascending."""
        shuffled = torch.randperm(len(labels), device=labels.device)
        ordered = shuffled[labels[shuffled].argsort(stable=True)]
        labels = labels[ordered]
        counts = torch.bincount(labels, minlength=IGNORE_INDEX + 1)
        number = (
            torch.arange(len(labels), device=labels.device) - (counts.cumsum(0) - counts)[labels]
        )
        caps = torch.full_like(counts, self.max_pixels)
        caps[0], caps[IGNORE_INDEX] = self.max_background, 0
        return ordered[number < caps[labels]]

    def _pixels(self, mask_feature: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Features (m, C_v) and labels (m,) of the pixels that are compared."""
        size = mask_feature.shape[-2:]
        # uint8 labels have no nearest kernel on some devices; float32 holds them exactly.
        labels = F.interpolate(target[:, None].float(), size, mode='nearest-exact').long().flatten()
        chosen = self._chosen(labels)
        return mask_feature.permute(0, 2, 3, 1).flatten(0, 2)[chosen], labels[chosen]


def masked_average(logits: Tensor, features: Tensor) -> Tensor:
    """Mean of a map over the cells whose mask is above its mean (CPM, eq. 7).

    Args:
        logits (Tensor): (V, P, t, f); the mask is a constant, without gradient.
        features (Tensor): (V, C, t, f).

    Returns:
        Tensor: (V, P, C); of a mask that is the same everywhere, the mean over all cells.
    """
    saliency = logits.detach().sigmoid().flatten(2)
    chosen = (saliency > saliency.mean(-1, keepdim=True)).to(features.dtype)
    chosen = torch.where(chosen.any(-1, keepdim=True), chosen, torch.ones_like(chosen))
    return chosen @ features.flatten(2).mT / chosen.sum(-1, keepdim=True)


def supervised_info_nce(similarity: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Contrast of anchors with pixels, each positive against itself and all negatives (CPM, eq. 9).

    Args:
        similarity (Tensor): (A, n), divided by the temperature.
        positive (Tensor): (A, n) bool.
        negative (Tensor): (A, n) bool.

    Returns:
        Tensor: (A,), mean over the positives; 0 where there is none.
    """
    if not similarity.shape[1]:
        return similarity.sum(1)
    repelling = similarity.masked_fill(~negative, FAR).logsumexp(1, keepdim=True)
    terms = F.softplus(repelling - similarity) * positive
    return terms.sum(1) / positive.sum(1).clamp(min=1)

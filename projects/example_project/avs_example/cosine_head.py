# Copyright (c) mmavs developers. All rights reserved.
"""The simplest head that listens: a pixel sounds if its feature points where the sound does."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout, MaskOutputs


@MODELS.register_module()
class CosineHead(BaseModule):
    """Compare each pixel of a feature pyramid with the sound of its frame.

    logit = scale * cos(pixel, sound) + bias, with a learned scale and bias.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's maps, finest first.
        audio_channels (int): Of the audio encoder's vector.
        embed_dims (int): D, where pixels and sound are compared. Defaults to 64.
        neck (dict, optional): Mixes the maps, to D channels each. Defaults to mmdet's FPN.
        loss_mask (dict, optional): Objective on (logits, classes). Defaults to ``BinaryMaskLoss``.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    num_classes = 1

    def __init__(
        self,
        in_channels: Sequence[int],
        audio_channels: int,
        embed_dims: int = 64,
        neck: dict | None = None,
        loss_mask: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        fpn = dict(
            type='mmdet.FPN',  # of another package, so with its scope
            in_channels=list(in_channels),
            out_channels=embed_dims,
            num_outs=len(in_channels),
        )
        self.neck = MODELS.build(neck or fpn)
        self.pixels = nn.Conv2d(embed_dims, embed_dims, 3, padding=1)
        self.sound = nn.Sequential(
            nn.Linear(audio_channels, embed_dims), nn.ReLU(), nn.Linear(embed_dims, embed_dims)
        )
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.bias = nn.Parameter(torch.tensor(-2.0))
        self.loss_mask = MODELS.build(loss_mask or dict(type='BinaryMaskLoss'))

    def forward(
        self, feats: Sequence[Tensor], audio: AudioFeatures, layout: ClipLayout
    ) -> MaskOutputs:
        """Compare.

        Args:
            feats (Sequence[Tensor]): Backbone maps (R, C_l, H_l, W_l), finest first.
            audio (AudioFeatures): Vectors (R, 1, C).
            layout (ClipLayout): Not read: frames are segmented one by one.

        Returns:
            MaskOutputs: ``logits`` (R, 1, H_0, W_0); the segmentor brings them to the input's size.
        """
        finest = F.normalize(self.pixels(self.neck(feats)[0]), dim=1)
        sound = F.normalize(self.sound(audio.embed[:, 0]), dim=1)
        cosine = torch.einsum('rdhw,rd->rhw', finest, sound)[:, None]
        return MaskOutputs(self.scale * cosine + self.bias)

    def loss(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Loss of the annotated frames.

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave, brought to the input's size.
            target (Tensor): (R, H, W) int64 classes.
            annotated (Tensor): (R,) bool, frames that have a mask.
            audio_labels (Tensor, optional): Not read.

        Returns:
            dict[str, Tensor]: ``loss_mask``; zero, and connected to every parameter, if no frame
            has a mask.
        """
        if not annotated.any():
            return dict(loss_mask=outputs.logits.sum() * 0)
        return dict(loss_mask=self.loss_mask(outputs.logits[annotated], target[annotated]))

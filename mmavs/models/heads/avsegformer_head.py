# Copyright (c) mmavs developers. All rights reserved.
"""The head of AVSegFormer: dense masks from the maps of all queries."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.models.pixel_decoders import DeformableAttention
from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX, AudioFeatures, ClipLayout, MaskOutputs

from .dense_mask_predictor import DenseMaskPredictor


@MODELS.register_module()
class AVSegFormerHead(BaseModule):
    """AVSegFormer's head (Gao et al., AAAI 2024; official code).

    Frames never mix: a row of every tensor is one frame, N = B*T. Q queries, conditioned by the
    sound, read the tokens of the pixel decoder; their products with the sound-gated mask feature
    are Q maps, which a pixel-wise MLP turns into D channels that are added to the mask feature.

    Args:
        pixel_decoder (dict): Gives mask feature and tokens.
        query_generator (dict): Gives queries for audio tokens.
        decoder (dict): Gives the queries after each layer.
        mixer (dict, optional): Mixes the sound into the mask feature; None leaves it as it is.
            ``ChannelMixer`` is the official one.
        num_classes (int): K, 1 for a binary task. Defaults to 1.
        audio_channels (int): Channels of the audio encoder's vector. Defaults to 128.
        embed_dims (int): D. Defaults to 256.
        mlp_channels (int): Hidden channels of the pixel-wise MLP. Defaults to 2048.
        loss_mask (dict): Objective on (logits, classes), zero where no pixel has a label. Defaults
            to Dice, as for S4 and MS3.
        loss_mix (dict, optional): Objective on (mask feature, classes), likewise; None leaves it
            out. What it has of parameters is trained. Defaults to None.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        pixel_decoder: dict,
        query_generator: dict,
        decoder: dict,
        mixer: dict | None = None,
        num_classes: int = 1,
        audio_channels: int = 128,
        embed_dims: int = 256,
        mlp_channels: int = 2048,
        loss_mask: dict | None = None,
        loss_mix: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.audio_proj = nn.Linear(audio_channels, embed_dims)
        self.pixel_decoder = MODELS.build(pixel_decoder)
        self.query_generator = MODELS.build(query_generator)
        self.decoder = MODELS.build(decoder)
        self.mixer = MODELS.build(mixer) if mixer else None
        self.map_mlp = nn.Sequential(
            nn.Conv2d(self.query_generator.num_queries, mlp_channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(mlp_channels, mlp_channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(mlp_channels, embed_dims, 1),
        )
        self.predictor = DenseMaskPredictor(embed_dims, num_classes)
        self.loss_mask = MODELS.build(loss_mask or dict(type='BinaryMaskLoss'))
        self.loss_mix = MODELS.build(loss_mix) if loss_mix else None

    def init_weights(self) -> None:
        """The official initial values (sheet section 5).

        Xavier for every matrix, kernel and table but the audio projection's; biases of convolutions
        as torch has them (mmcv's ConvModule sets zero); Deformable-DETR's values for the deformable
        attentions; N(0, 1) for the level embedding. An ``init_cfg`` of type ``Pretrained`` wins.
        """
        super().init_weights()
        if self.init_cfg and self.init_cfg['type'] == 'Pretrained':
            return
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 and not name.startswith('audio_proj.'):
                nn.init.xavier_uniform_(parameter)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel())
                nn.init.uniform_(module.bias, -bound, bound)
            elif isinstance(module, DeformableAttention):
                module.init_weights()
        nn.init.normal_(self.pixel_decoder.level_embed)

    def forward(
        self, feats: Sequence[Tensor], audio: AudioFeatures, layout: ClipLayout | None = None
    ) -> MaskOutputs:
        """Segment what sounds.

        Args:
            feats (Sequence[Tensor]): Backbone maps (N, C_l, H_l, W_l), finest (stride 4) first.
            audio (AudioFeatures): Vectors (N, 1, C) are read.
            layout (ClipLayout, optional): Not read, since frames never mix.

        Returns:
            MaskOutputs: ``logits`` (N, K, 4*H_0, 4*W_0); ``aux``: ``mask_feature`` (N, D, H_0, W_0)
            after the mixer, ``queries`` (N, Q, D) after the decoder.
        """
        sound = self.audio_proj(audio.embed)
        mask_feature, memory = self.pixel_decoder(feats)
        if self.mixer is not None:
            mask_feature = self.mixer(mask_feature, sound)
        queries = self.decoder(self.query_generator(sound), memory)[-1]
        query_maps = torch.einsum('nqd,ndhw->nqhw', queries, mask_feature)
        logits = self.predictor(mask_feature + self.map_mlp(query_maps))
        return MaskOutputs(logits, aux=dict(mask_feature=mask_feature, queries=queries))

    def loss(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the annotated frames.

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave, N frames.
            target (Tensor): (N, H, W) int64 classes.
            annotated (Tensor): (N,) bool, frames that have a mask.
            audio_labels (Tensor, optional): Not read.

        Returns:
            dict[str, Tensor]: ``loss_mask`` and, if configured, ``loss_mix``: scalars, already
            weighted. Zero, and connected to every parameter, if no frame has a mask.
        """
        size = target.shape[-2:]
        logits, mask_feature = outputs.logits, outputs.aux['mask_feature']
        if logits.shape[-2:] != size:
            logits = F.interpolate(logits, size, mode='bilinear', align_corners=False)
        if not annotated.any():
            # Without any label the objectives are zero and pass their inputs and parameters.
            annotated, target = ~annotated, torch.full_like(target, IGNORE_INDEX)
        target = target[annotated]
        losses = dict(loss_mask=self.loss_mask(logits[annotated], target))
        if self.loss_mix is not None:
            losses['loss_mix'] = self.loss_mix(mask_feature[annotated], target)
        return losses

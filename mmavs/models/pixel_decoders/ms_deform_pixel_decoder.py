# Copyright (c) mmavs developers. All rights reserved.
"""Mask2Former's pixel decoder on whatever deformable kernel this machine has."""

from collections.abc import Sequence

import torch
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmdet.models.layers.transformer.mask2former_layers import Mask2FormerTransformerEncoder
from mmengine.config import ConfigDict
from torch import Tensor

from mmavs.registry import MODELS

from .deformable_attention import DeformableEncoder, init_encoder


class PixelEncoder(DeformableEncoder, Mask2FormerTransformerEncoder):
    """mmdet's encoder of Mask2Former with layers of :class:`DeformableAttention`."""


@MODELS.register_module()
class MSDeformPixelDecoder(MSDeformAttnPixelDecoder):
    """mmdet's ``MSDeformAttnPixelDecoder`` with the deformable attention of mmavs.

    All maps but the finest run through a deformable encoder; an FPN step carries its output to the
    finest map, and a 1x1 convolution makes the mask feature (VCT, sheet section 5.1; the same in
    COMBO, CPM and Mask2Former). There is one FPN step, because mmdet's class takes the wrong
    convolutions where there are more.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's maps, finest first.
        strides (Sequence[int]): Of these maps. Defaults to (4, 8, 16, 32).
        embed_dims (int): D. Defaults to 256.
        num_layers (int): Of the encoder. Defaults to 6.
        num_heads (int): Defaults to 8.
        num_points (int): Samples a head takes from a level. Defaults to 4.
        feedforward_channels (int): Defaults to 1024.
        norm_cfg (dict): Norm of the convolutions. Defaults to GN with 32 groups.
        full_precision (bool): Leave autocast for the whole decoder, as the official code does;
            otherwise for the sampling of the deformable attention only. Defaults to True.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If there are fewer than 2 maps, or not as many strides as maps.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int] = (4, 8, 16, 32),
        embed_dims: int = 256,
        num_layers: int = 6,
        num_heads: int = 8,
        num_points: int = 4,
        feedforward_channels: int = 1024,
        norm_cfg: dict | None = None,
        full_precision: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        if not 2 <= len(in_channels) == len(strides):
            raise ValueError(
                'The pixel decoder needs at least 2 maps and a stride for each, got '
                f'in_channels={tuple(in_channels)}, strides={tuple(strides)}.'
            )
        num_levels = len(in_channels) - 1
        encoder = ConfigDict(
            num_layers=num_layers,
            layer_cfg=dict(
                self_attn_cfg=dict(
                    embed_dims=embed_dims,
                    num_heads=num_heads,
                    num_levels=num_levels,
                    num_points=num_points,
                    dropout=0.0,
                    batch_first=True,
                ),
                ffn_cfg=dict(embed_dims=embed_dims, feedforward_channels=feedforward_channels),
            ),
        )
        super().__init__(
            in_channels=in_channels,
            strides=strides,
            feat_channels=embed_dims,
            out_channels=embed_dims,
            num_outs=num_levels,
            norm_cfg=norm_cfg or dict(type='GN', num_groups=32),
            encoder=encoder,
            positional_encoding=dict(num_feats=embed_dims // 2, normalize=True),
            init_cfg=init_cfg,
        )
        self.encoder = PixelEncoder(**encoder)
        self.full_precision = full_precision

    @property
    def map_names(self) -> tuple[str, ...]:
        """Names of the maps that :meth:`forward` gives, such as ``('s32', 's16', 's8')``."""
        return tuple(f's{stride}' for stride in self.strides[::-1][: self.num_outs])

    def init_weights(self) -> None:
        """Initial values of the official code: mmdet's, but uniform Xavier in the encoder.

        Source: VCT, sheet section 5.4.
        """
        super().init_weights()
        init_encoder(self.encoder)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Decode the backbone's maps.

        Args:
            feats (Sequence[Tensor]): (V, C_l, H_l, W_l) each, finest first.

        Returns:
            tuple[Tensor, list[Tensor]]: Mask feature (V, D, H_0, W_0), and the encoder's maps
            (V, D, H_l, W_l), coarsest first, named by :attr:`map_names`.
        """
        if not self.full_precision:
            return super().forward(feats)
        with torch.autocast(feats[0].device.type, enabled=False):
            return super().forward([feat.to(self.mask_feature.weight.dtype) for feat in feats])

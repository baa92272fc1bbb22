# Copyright (c) mmavs developers. All rights reserved.
"""The deformable encoder of AVSegFormer and the mask feature that it makes."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.models.layers import SinePositionalEncoding
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS

from .deformable_attention import DeformableEncoder


@MODELS.register_module()
class AVSegFormerPixelDecoder(BaseModule):
    """Multi-scale deformable encoder over all but the first backbone map.

    Each map is projected to D channels. The maps of stride 8, 16 and 32 run through the encoder,
    finest first; the encoder's stride-8 output is upsampled and added to a lateral projection of
    the stride-4 map, and a 3x3 convolution makes the mask feature (AVSegFormer, section
    «Transformer encoder»; sheet sections 4.1, 4.2, 4.3, 4.6).

    Args:
        in_channels (Sequence[int]): Channels of the backbone's maps, finest first.
        encoder (dict): ``num_layers`` and ``layer_cfg`` of mmdet's
            ``DeformableDetrTransformerEncoder``; its ``num_levels`` is the number of maps less one.
        embed_dims (int): D. Defaults to 256.
        norm_cfg (dict): Norm of the projections. Defaults to GN with 32 groups.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        encoder: dict,
        embed_dims: int = 256,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) < 2:
            raise ValueError(f'in_channels must name at least 2 maps, got {tuple(in_channels)}.')
        num_levels = len(in_channels) - 1
        norm_cfg = norm_cfg or dict(type='GN', num_groups=32)
        projection = dict(kernel_size=1, bias=True, norm_cfg=norm_cfg, act_cfg=None)
        self.input_projs = ModuleList(
            ConvModule(channels, embed_dims, **projection) for channels in in_channels
        )
        self.positional_encoding = SinePositionalEncoding(num_feats=embed_dims // 2)
        self.level_embed = nn.Parameter(torch.zeros(num_levels, embed_dims))
        self.encoder = DeformableEncoder(**encoder)
        self.lateral_conv = ConvModule(embed_dims, embed_dims, **projection)
        self.output_conv = ConvModule(
            embed_dims, embed_dims, 3, padding=1, bias=True, norm_cfg=norm_cfg
        )

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Encode the backbone's maps.

        Args:
            feats (Sequence[Tensor]): (N, C_l, H_l, W_l) each, finest first.

        Returns:
            tuple[Tensor, Tensor]: Mask feature (N, D, H_0, W_0), and the encoder's tokens
            (N, S, D), S = sum of H_l*W_l over the levels 1.. in this order, row-major in a level.
        """
        finest, *levels = [project(feat) for project, feat in zip(self.input_projs, feats)]
        memory = self._encode(levels)
        height, width = levels[0].shape[-2:]
        fine = memory[:, : height * width].transpose(1, 2).unflatten(-1, (height, width))
        fine = F.interpolate(fine, finest.shape[-2:], mode='bilinear', align_corners=False)
        return self.output_conv(self.lateral_conv(finest) + fine), memory

    def _encode(self, levels: Sequence[Tensor]) -> Tensor:
        tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1)
        # float32 as the positions are; addition promotes a half-precision level embedding.
        positions = torch.cat(
            [
                (self.positional_encoding(None, level[:1]) + embed[:, None, None]).flatten(2)
                for level, embed in zip(levels, self.level_embed)
            ],
            dim=2,
        ).transpose(1, 2)
        shapes = torch.tensor([level.shape[-2:] for level in levels], device=tokens.device)
        starts = torch.cat((shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]))
        return self.encoder(
            query=tokens,
            query_pos=positions,
            key_padding_mask=None,
            spatial_shapes=shapes,
            level_start_index=starts,
            valid_ratios=tokens.new_ones(1, len(levels), 2, dtype=torch.float32),
        )

# Copyright (c) mmavs developers. All rights reserved.
"""The deformable encoder of AVSegFormer and the mask feature that it makes."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from torch import Tensor

from mmavs.registry import MODELS

from .deformable_pixel_decoder import DeformablePixelDecoder


@MODELS.register_module()
class AVSegFormerPixelDecoder(DeformablePixelDecoder):
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
        super().__init__(in_channels, encoder, embed_dims, norm_cfg, init_cfg=init_cfg)
        self.lateral_conv = ConvModule(embed_dims, embed_dims, **self.projection)
        self.output_conv = ConvModule(
            embed_dims, embed_dims, 3, padding=1, bias=True, norm_cfg=self.projection['norm_cfg']
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
        memory = self.encode(levels)
        height, width = levels[0].shape[-2:]
        fine = memory[:, : height * width].transpose(1, 2).unflatten(-1, (height, width))
        fine = F.interpolate(fine, finest.shape[-2:], mode='bilinear', align_corners=False)
        return self.output_conv(self.lateral_conv(finest) + fine), memory

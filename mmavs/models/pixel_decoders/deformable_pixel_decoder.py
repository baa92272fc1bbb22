# Copyright (c) mmavs developers. All rights reserved.
"""What the pixel decoders around a deformable encoder share."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmdet.models.layers import SinePositionalEncoding
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from .deformable_attention import DeformableEncoder


class DeformablePixelDecoder(BaseModule):
    """Projections of all maps to D channels, and a deformable encoder of all but the finest.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's maps, finest first.
        encoder (dict): ``num_layers`` and ``layer_cfg`` of mmdet's
            ``DeformableDetrTransformerEncoder``; its ``num_levels`` is the number of maps less one.
        embed_dims (int): D. Defaults to 256.
        norm_cfg (dict, optional): Norm of the projections. Defaults to GN with 32 groups.
        normalize (bool): Whether the sine positions run from 0 to 2 pi on every map, as in
            Mask2Former. Defaults to False: they count pixels.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If there are fewer than 2 maps.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        encoder: dict,
        embed_dims: int = 256,
        norm_cfg: dict | None = None,
        normalize: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) < 2:
            raise ValueError(f'in_channels must name at least 2 maps, got {tuple(in_channels)}.')
        num_levels = len(in_channels) - 1
        norm_cfg = norm_cfg or dict(type='GN', num_groups=32)
        self.projection = dict(kernel_size=1, bias=True, norm_cfg=norm_cfg, act_cfg=None)
        self.input_projs = ModuleList(
            ConvModule(channels, embed_dims, **self.projection) for channels in in_channels
        )
        self.positional_encoding = SinePositionalEncoding(embed_dims // 2, normalize=normalize)
        self.level_embed = nn.Parameter(torch.zeros(num_levels, embed_dims))
        self.encoder = DeformableEncoder(**encoder)

    def encode(self, levels: Sequence[Tensor]) -> Tensor:
        """Let the levels read each other.

        Args:
            levels (Sequence[Tensor]): (N, D, H_l, W_l) each, finest first.

        Returns:
            Tensor: Tokens (N, S, D), S = sum of H_l*W_l in this order, row-major in a level.
        """
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

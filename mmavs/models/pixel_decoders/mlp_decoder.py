# Copyright (c) mmavs developers. All rights reserved.
"""The all-MLP decoder of SegFormer, cheaper where its last layer is linear."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS


@MODELS.register_module()
class MLPDecoder(BaseModule):
    """Maps of all stages to one at the size of the finest (SegFormer; RAVS sheet, section 5).

    Each map goes to E channels by a linear layer, all are enlarged to the finest, concatenated, and
    joined by a 1x1 convolution, norm and ReLU. mmseg's ``SegformerHead`` has a norm and a ReLU
    behind the first layers too, and a classifier, hence not that.

    A 1x1 convolution and the enlargement are both linear and commute (the weights of bilinear
    interpolation add up to 1), so each map goes through its part of the joining kernel at its own
    size, and the sum is enlarged: the same numbers, a third of the products, and the 4E channels at
    the finest size are never there.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's maps, finest first.
        embed_dims (int): E. Defaults to 768.
        norm_cfg (dict, optional): Norm of the joining layer. Defaults to batch norm.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        embed_dims: int = 768,
        norm_cfg: dict | None = dict(type='BN'),  # noqa: B006
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims
        self.projections = ModuleList(
            nn.Conv2d(channels, embed_dims, 1) for channels in in_channels
        )
        self.fuse = ConvModule(len(in_channels) * embed_dims, embed_dims, 1, norm_cfg=norm_cfg)

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Join the maps.

        Args:
            feats (Sequence[Tensor]): (N, C_l, H_l, W_l), finest first.

        Returns:
            Tensor: (N, E, H_0, W_0).
        """
        kernels = self.fuse.conv.weight.split(self.embed_dims, 1)
        joined = 0
        for projection, kernel, feat in zip(self.projections, kernels, feats, strict=True):
            part = F.conv2d(projection(feat), kernel)
            if part.shape[-2:] != feats[0].shape[-2:]:
                part = F.interpolate(
                    part, feats[0].shape[-2:], mode='bilinear', align_corners=False
                )
            joined = joined + part
        if self.fuse.conv.bias is not None:
            joined = joined + self.fuse.conv.bias[:, None, None]
        if self.fuse.with_norm:
            joined = self.fuse.norm(joined)
        return self.fuse.activate(joined)

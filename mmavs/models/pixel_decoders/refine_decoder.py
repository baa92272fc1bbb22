# Copyright (c) mmavs developers. All rights reserved.
"""A RefineNet-style decoder that fuses maps from coarse to fine."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS


class ResidualConvUnit(nn.Module):
    """``x = relu(x)``, then ``conv(relu(conv(x))) + x``.

    The skip adds the rectified input: the official code's first ReLU works in place, and its
    checkpoints were trained with that (TPAVI, sheet section 5).

    Args:
        channels (int): Of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C, h, w)."""
        x = F.relu(x)
        return self.conv2(F.relu(self.conv1(x))) + x


class RefineFusion(nn.Module):
    """Add the refined finer map to the coarser path, refine, double the size.

    Args:
        channels (int): Of all maps.
        is_coarsest (bool): The first step has no path yet. Defaults to False.
    """

    def __init__(self, channels: int, is_coarsest: bool = False) -> None:
        super().__init__()
        self.residual1 = None if is_coarsest else ResidualConvUnit(channels)
        self.residual2 = ResidualConvUnit(channels)

    def forward(self, feature: Tensor, path: Tensor | None = None) -> Tensor:
        """Maps (N, C, h, w) of one size to (N, C, 2h, 2w)."""
        if path is not None:
            feature = path + self.residual1(feature)
        return F.interpolate(
            self.residual2(feature), scale_factor=2, mode='bilinear', align_corners=True
        )


@MODELS.register_module()
class RefineDecoder(BaseModule):
    """The decoder of TPAVI: from the coarsest map to twice the size of the finest one.

    Args:
        num_levels (int): Number of maps, each half the size of the one before. Defaults to 4.
        embed_dims (int): D, channels of all maps. Defaults to 256.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self, num_levels: int = 4, embed_dims: int = 256, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.fusions = ModuleList(
            RefineFusion(embed_dims, is_coarsest=level == num_levels - 1)
            for level in range(num_levels)
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Decode.

        Args:
            feats (Sequence[Tensor]): Maps (N, D, h_l, w_l), finest first.

        Returns:
            list[Tensor]: The path after each level (N, D, 2*h_l, 2*w_l), finest first.
        """
        paths: list[Tensor] = []
        for fuse, feature in zip(reversed(self.fusions), reversed(feats)):
            paths.insert(0, fuse(feature, paths[0] if paths else None))
        return paths

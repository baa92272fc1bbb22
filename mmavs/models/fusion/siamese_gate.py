# Copyright (c) mmavs developers. All rights reserved.
"""The maps of a second backbone added to those of the first, as far as gates open."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS


class _ChannelGate(nn.Module):
    """Squeeze and excitation: how far each channel of a map opens.

    Args:
        channels (int): c.
        ratio (int): The hidden layer has c // ratio channels.
    """

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // ratio)
        self.fc2 = nn.Linear(channels // ratio, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, h, w) to gates (N, c, 1, 1) in (0, 1)."""
        hidden = F.relu(self.fc1(x.mean((-2, -1))))
        return self.fc2(hidden).sigmoid()[..., None, None]


@MODELS.register_module()
class SiameseGate(BaseModule):
    """Siamese fusion of the frames' maps with the Maskiges' (COMBO; VCT; sheet vct.md, section 4)::

        F_i = I_i + sigmoid(W2 relu(W1 GAP(M_i) + b1) + b2) * M_i

    The gate sees the Maskige only, and one number a channel is the same at every position.

    Args:
        channels (Sequence[int]): c_i, channels of the maps, finest first.
        ratio (int): The hidden layer of level i has c_i // ratio channels. Defaults to 16.
        init_cfg (dict, optional): Initialisation. Defaults to None: torch's, as in the official
            code.
    """

    def __init__(
        self, channels: Sequence[int], ratio: int = 16, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        if min(channels) < ratio:
            raise ValueError(
                f'channels ({tuple(channels)}) must not be fewer than ratio ({ratio}): the hidden '
                'layer of a gate has channels // ratio units.'
            )
        self.channels = tuple(channels)
        self.gates = ModuleList(_ChannelGate(c, ratio) for c in channels)

    def forward(self, feats: Sequence[Tensor], maskige: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Fuse level by level.

        Args:
            feats (Sequence[Tensor]): I_i (N, c_i, h_i, w_i), maps of the frames.
            maskige (Sequence[Tensor]): M_i of the same shapes, maps of the Maskiges.

        Returns:
            tuple[Tensor, ...]: F_i of the same shapes.

        Raises:
            ValueError: If the maps have other channels than the gates.
        """
        found = tuple(m.shape[1] for m in maskige)
        if found != self.channels:
            raise ValueError(
                f'The maps have {found} channels, the gates {self.channels}: set maskige_gate.'
                'channels in the config to the channels of the backbone.'
            )
        return tuple(i + gate(m) * m for gate, i, m in zip(self.gates, feats, maskige))

# Copyright (c) mmavs developers. All rights reserved.
"""Audio tokens to the width of a decoder."""

from mmdet.models.layers import MLP

from mmavs.registry import MODELS


@MODELS.register_module()
class AudioMLP(MLP):
    """Linear, ReLU, Linear, ReLU, Linear on each token: (V, L, C) to (V, L, D).

    VCT puts it on the 24 cells of VGGish's map (sheet section 4), COMBO on its one vector. The MLP
    is mmdet's.

    Args:
        in_channels (int): C, 512 for VGGish's map, 128 for its vector.
        hidden_channels (int): Of both hidden layers. Defaults to 4096.
        embed_dims (int): D. Defaults to 256.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int = 4096, embed_dims: int = 256
    ) -> None:
        super().__init__(in_channels, hidden_channels, embed_dims, num_layers=3)

# Copyright (c) mmavs developers. All rights reserved.
"""What the mixers of a feature map and the sound share."""

from mmengine.model import BaseModule


class AudioMixer(BaseModule):
    """Base of the mixers: ``forward(feature, audio)``, (N, D, H, W) and (N, L, D) to (N, D, H, W).

    Args:
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Attention heads, of D / num_heads channels each. Defaults to 8.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If the heads do not divide the channels.
    """

    def __init__(
        self, embed_dims: int = 256, num_heads: int = 8, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims ({embed_dims}) must be a multiple of num_heads ({num_heads}).'
            )
        self.num_heads = num_heads

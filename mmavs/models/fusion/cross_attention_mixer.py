# Copyright (c) mmavs developers. All rights reserved.
"""Pixels ask the sound: the mixer that AVSegFormer was compared with."""

from torch import Tensor, nn

from mmavs.registry import MODELS

from .audio_mixer import AudioMixer


@MODELS.register_module()
class CrossAttentionMixer(AudioMixer):
    """Cross-attention with pixels as queries and the sound as keys and values, plus a residual.

    The mixer «CRA» of AVSegFormer's ablation (Table 2c, Fig. 4a), of which the paper gives no
    equation: biases (torch's), the residual and the absence of a norm are choices of ours. With one
    audio token a frame, as everywhere in AVSegFormer, each pixel puts all its attention on it, so
    the same vector is added to all pixels, and the projections of query and key have gradient zero.

    Args:
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Defaults to 8.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self, embed_dims: int = 256, num_heads: int = 8, init_cfg: dict | None = None
    ) -> None:
        super().__init__(embed_dims, num_heads, init_cfg)
        self.attn = nn.MultiheadAttention(embed_dims, num_heads, batch_first=True)

    def forward(self, feature: Tensor, audio: Tensor) -> Tensor:
        """Mix the sound into the feature.

        Args:
            feature (Tensor): (N, D, H, W).
            audio (Tensor): (N, L, D), L tokens a frame.

        Returns:
            Tensor: (N, D, H, W).
        """
        pixels = feature.flatten(2).transpose(1, 2)
        heard = self.attn(pixels, audio, audio, need_weights=False)[0]
        return feature + heard.transpose(1, 2).unflatten(-1, feature.shape[-2:])

# Copyright (c) mmavs developers. All rights reserved.
"""The channels of a feature map, gated by the sound."""

import torch
from torch import Tensor, nn

from mmavs.registry import MODELS

from .audio_mixer import AudioMixer


@MODELS.register_module()
class ChannelMixer(AudioMixer):
    """Audio-conditioned gate on the channels of the mask feature (AVSegFormer, eq. 2; sheet 4.7).

    The sound asks every pixel (multi-head attention with one query), and what comes back opens or
    closes each of the D channels. Official form: ``F * sigmoid(W_o o + b)``, no residual.

    Keys and values of the pixels are linear in F and there is one query, so neither is computed:
    ``q . (W_k F) = (W_k^T q) . F`` and ``sum A (W_v F) = W_v (sum A F)``, the same numbers without
    the (H*W, 2D) product.

    Args:
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Defaults to 8.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self, embed_dims: int = 256, num_heads: int = 8, init_cfg: dict | None = None
    ) -> None:
        super().__init__(embed_dims, num_heads, init_cfg)
        self.q_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.kv_proj = nn.Linear(embed_dims, 2 * embed_dims, bias=False)
        self.out_proj = nn.Linear(embed_dims, embed_dims)

    def gate_logits(self, feature: Tensor, audio: Tensor) -> Tensor:
        """How far each channel opens, before the sigmoid.

        Args:
            feature (Tensor): (N, D, H, W).
            audio (Tensor): (N, 1, D), one token a frame.

        Returns:
            Tensor: (N, D).
        """
        heads = (self.num_heads, -1)
        pixels = feature.flatten(2)
        query = self.q_proj(audio.squeeze(1)).unflatten(-1, heads)
        key_weight, value_weight = self.kv_proj.weight.unflatten(0, (2, *heads)).unbind(0)
        # n frames, h heads, c channels of a head, d channels of the feature, p pixels
        asked = torch.einsum('nhc,hcd->nhd', query, key_weight) * query.shape[-1] ** -0.5
        attention = torch.einsum('nhd,ndp->nhp', asked, pixels).softmax(-1)
        heard = torch.einsum('nhp,ndp->nhd', attention, pixels)
        return self.out_proj(torch.einsum('nhd,hcd->nhc', heard, value_weight).flatten(1))

    def forward(self, feature: Tensor, audio: Tensor) -> Tensor:
        """Gate the feature (N, D, H, W) by the audio token (N, 1, D): (N, D, H, W)."""
        return feature * self.gate_logits(feature, audio).sigmoid()[..., None, None]

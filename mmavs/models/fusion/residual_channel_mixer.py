# Copyright (c) mmavs developers. All rights reserved.
"""The channel mixer as AVSegFormer's paper writes it, which is not what its code does."""

import torch.nn.functional as F
from torch import Tensor

from mmavs.registry import MODELS

from .audio_mixer import AudioMixer


@MODELS.register_module()
class ResidualChannelMixer(AudioMixer):
    """Channels of the mask feature, raised or lowered by the sound, without parameters.

    ``w = softmax(a F^T / sqrt(D/n)) F`` and ``F + F * w`` (AVSegFormer, eq. 2), for each of the n
    heads by itself: a head has D/n channels of the sound a and of the feature F, and the softmax is
    over the pixels. :class:`ChannelMixer` is the official code.

    Args:
        embed_dims (int): D. Defaults to 256.
        num_heads (int): n. Defaults to 8.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def channel_weights(self, feature: Tensor, audio: Tensor) -> Tensor:
        """The weights w.

        Args:
            feature (Tensor): (N, D, H, W).
            audio (Tensor): (N, 1, D), one token a frame.

        Returns:
            Tensor: (N, D).
        """
        heads = (self.num_heads, -1)
        query = audio.unflatten(-1, heads).transpose(1, 2)  # (N, n, 1, D/n)
        pixels = feature.flatten(2).unflatten(1, heads).transpose(2, 3)  # (N, n, H*W, D/n)
        return F.scaled_dot_product_attention(query, pixels, pixels).flatten(1)

    def forward(self, feature: Tensor, audio: Tensor) -> Tensor:
        """Mix the audio token (N, 1, D) into the feature (N, D, H, W): (N, D, H, W)."""
        return feature * (1 + self.channel_weights(feature, audio)[..., None, None])

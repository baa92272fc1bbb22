# Copyright (c) mmavs developers. All rights reserved.
"""The sound of a frame, or of its clip, at every pixel of a map."""

import math

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

MODES = ('add', 'softmax', 'gate', 'clip')


@MODELS.register_module()
class AudioLevelFusion(BaseModule):
    """Audio cross-attention of one level (AQFormer, eq. 1 and 2; sheet section 3.1).

    As printed, every pixel asks one key, the sound of its frame, so the softmax is 1 everywhere:
    the sound is added to all pixels alike, and neither f_q nor f_k gets a gradient.

    Args:
        mode (str): ``'add'``: ``f_v(A_t) + f_w(V_t)``, which is eq. 1 and 2 without their dead
            layers; ``'softmax'``: as printed, dead layers included; ``'gate'``: the sigmoid of the
            scaled product in the place of the softmax; ``'clip'``: the softmax over the sounds of
            all frames of the clip. Defaults to 'add'.
        visual_channels (int): C_v, channels of the backbone's map. Defaults to 256.
        audio_channels (int): C_a. Defaults to 128.
        embed_dims (int): D (C_f). Defaults to 256.
        key_channels (int): C_m. Defaults to 256.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If the mode is not known.
    """

    def __init__(
        self,
        mode: str = 'add',
        visual_channels: int = 256,
        audio_channels: int = 128,
        embed_dims: int = 256,
        key_channels: int = 256,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if mode not in MODES:
            raise ValueError(f'mode must be one of {MODES}, got {mode!r}.')
        self.mode = mode
        self.scale = 1 / math.sqrt(key_channels)
        self.value_proj = nn.Linear(audio_channels, embed_dims)
        if mode != 'add':
            self.query_proj = nn.Conv2d(visual_channels, key_channels, 1)
            self.key_proj = nn.Linear(audio_channels, key_channels)

    def forward(self, projected: Tensor, feat: Tensor, audio: Tensor, layout: ClipLayout) -> Tensor:
        """Let the sound in.

        Args:
            projected (Tensor): f_w(V), (R, D, h, w).
            feat (Tensor): V, (R, C_v, h, w).
            audio (Tensor): A, (R, C_a).
            layout (ClipLayout): Of the R rows.

        Returns:
            Tensor: M, (R, D, h, w).
        """
        value = self.value_proj(audio)
        if self.mode == 'add':
            return projected + value[..., None, None]
        key, value, valid = self.key_proj(audio)[:, None], value[:, None], None
        if self.mode == 'clip':
            key, value = (layout.of_clip(x.squeeze(1)) for x in (key, value))
            valid = layout.of_clip(layout.row_valid)
        weights = self._weights(self.query_proj(feat).flatten(2), key, valid)
        heard = torch.einsum('rtn,rtd->rdn', weights, value)
        return projected + heard.unflatten(-1, feat.shape[-2:])

    def _weights(self, query: Tensor, key: Tensor, valid: Tensor | None) -> Tensor:
        """How much of each sound each pixel takes, (R, L, h*w), L = 1 or T."""
        scores = key @ query * self.scale
        if self.mode == 'gate':
            return scores.sigmoid()
        if valid is not None:
            scores = scores.masked_fill(~valid[..., None], float('-inf'))
        return scores.softmax(1)

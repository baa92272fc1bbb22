# Copyright (c) mmavs developers. All rights reserved.
"""Sound enters a stage's map without groups: the baseline of RAVS."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

from .sound_attention import SoundAttention


@MODELS.register_module()
class CrossAttentionFusion(BaseModule):
    """Cross-attention of a stage's tokens over the sound, added to them (RAVS, Table 3).

    The paper's baseline has "cross-attention layers for fusion", and its second row "utilizes
    ground truth masks to filter silent regions during modality alignment", and says no more of
    either. Here the attention is that of eq. 5, as in :class:`SoundGuidedMerging`; with
    ``filter_silent`` only tokens that have a pixel of a sounding object get what they heard.

    Masks are there in training alone: the model gets none when it predicts, and then all tokens
    hear. (Filtering with the ground truth of the test would tell the answer.)

    Args:
        embed_dims (int): D of the map.
        audio_channels (int): C of the sound. Defaults to 128.
        num_heads (int): Defaults to 8.
        keys (str): Of :class:`SoundAttention`. Defaults to 'frame'.
        filter_silent (bool): Filter by the ground truth. Defaults to False.
        init_gain (float): First value of the learned factors, one a channel, of what is added.
            Defaults to 0.1, so that a pretrained backbone begins near what it was.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        embed_dims: int,
        audio_channels: int = 128,
        num_heads: int = 8,
        keys: str = 'frame',
        filter_silent: bool = False,
        init_gain: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims
        self.needs_masks = filter_silent
        self.mixes_frames = keys == 'clip'
        self.audio_proj = nn.Linear(audio_channels, embed_dims)
        self.attention = SoundAttention(embed_dims, num_heads, keys)
        self.gain = nn.Parameter(torch.full((embed_dims,), float(init_gain)))

    def forward(
        self, feat: Tensor, audio: Tensor, layout: ClipLayout, sounding: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """Add what is heard.

        Args:
            feat (Tensor): (R, D, h, w).
            audio (Tensor): (R, C).
            layout (ClipLayout): Of the R rows.
            sounding (Tensor, optional): (R, H, W) bool, what sounds. Defaults to None: unknown.

        Returns:
            tuple[Tensor, None]: The map (R, D, h, w), and no groups.
        """
        tokens = feat.flatten(2).mT
        heard = self.attention(tokens, self.audio_proj(audio), layout) * self.gain
        heard = heard.mT.unflatten(-1, feat.shape[-2:])
        if self.needs_masks and sounding is not None:
            heard = heard * F.adaptive_max_pool2d(
                sounding[:, None].to(heard.dtype), feat.shape[-2:]
            )
        return feat + heard, None

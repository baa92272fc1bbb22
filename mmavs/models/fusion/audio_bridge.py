# Copyright (c) mmavs developers. All rights reserved.
"""Audio-bridged temporal interaction: frames exchange what the sounds of the clip find in them."""

import math

import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

REMAPS = ('literal', 'maxnorm')


@MODELS.register_module()
class AudioBridge(BaseModule):
    """ABTI on one map (AQFormer, section 3.4, eq. 9 to 12; sheet section 4).

    The sound p of every frame gathers an object from the pixels of every frame q, the T x T objects
    of a clip attend to each other, and each is handed back to the pixels that it came from::

        S_pq = softmax over the pixels of f_a(A_p) f_m(F_q)^T / sqrt(C_b)
        O_pq = S_pq f_n(F_q);  O' = LayerNorm(O + attention of all O)
        F'_q = F_q + sum over p of S_pq^T f_o(O'_pq)

    S sums to 1 over the pixels, so f_m and f_n, which are linear, are never applied to the map:
    ``f_a(A) f_m`` is one vector of a sound, and f_n is applied to what was gathered. The numbers
    are the same. A bias of f_m would change nothing and is not there. Sums over pixels are in
    float32 under autocast.

    Args:
        embed_dims (int): D, channels of the map (C_f). Defaults to 256.
        audio_channels (int): C_a. Defaults to 128.
        bridge_channels (int): C_b. Defaults to 256.
        num_heads (int): Of the attention among the objects. Defaults to 8.
        scaled (bool): Divide by sqrt(C_b) before the softmax, which eq. 9 does not. Defaults to
            True.
        positions (bool): Add a learned code of p and one of q to queries and keys of the attention.
            Without, as in the paper, an object does not know its frame. Defaults to True.
        remap (str): ``'literal'``: eq. 11, which adds some 1/(h*w) of an object to a pixel;
            ``'maxnorm'``: S is divided by its largest value there. Defaults to 'literal'.
        max_frames (int): Longest clip, rows of the learned codes. Defaults to 10.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If the remap is not known.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        audio_channels: int = 128,
        bridge_channels: int = 256,
        num_heads: int = 8,
        scaled: bool = True,
        positions: bool = True,
        remap: str = 'literal',
        max_frames: int = 10,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if remap not in REMAPS:
            raise ValueError(f'remap must be one of {REMAPS}, got {remap!r}.')
        self.scale = 1 / math.sqrt(bridge_channels) if scaled else 1.0
        self.remap = remap
        self.audio_proj = nn.Linear(audio_channels, bridge_channels)
        self.match_proj = nn.Linear(embed_dims, bridge_channels, bias=False)
        self.gather_proj = nn.Linear(embed_dims, bridge_channels)
        self.output_proj = nn.Linear(bridge_channels, embed_dims)
        self.attention = MultiheadAttention(bridge_channels, num_heads, batch_first=True)
        self.norm = nn.LayerNorm(bridge_channels)
        self.sound_embed = nn.Embedding(max_frames, bridge_channels) if positions else None
        self.frame_embed = nn.Embedding(max_frames, bridge_channels) if positions else None

    def forward(self, feature: Tensor, audio: Tensor, layout: ClipLayout) -> tuple[Tensor, Tensor]:
        """Let the frames of each clip exchange objects.

        Args:
            feature (Tensor): F, (R, D, h, w).
            audio (Tensor): A, (R, C_a).
            layout (ClipLayout): Of the R rows. Frames that pad a clip take no part.

        Returns:
            tuple[Tensor, Tensor]: F', (R, D, h, w), and S, (R, T, h, w): of row q what the sound of
            each frame p of its clip looks at; zero for frames that pad the clip.

        Raises:
            ValueError: If clips are longer than the learned codes.
        """
        heard = layout.of_clip(self.audio_proj(audio))
        keys = heard @ self.match_proj.weight * self.scale
        with torch.autocast(feature.device.type, enabled=False):
            pixels = feature.flatten(2).to(self.match_proj.weight.dtype)
            shares = (keys.to(pixels.dtype) @ pixels).softmax(-1)
            shares = shares * layout.of_clip(layout.row_valid)[..., None]
            gathered = shares @ pixels.transpose(1, 2)
        objects = self.output_proj(self._interact(self.gather_proj(gathered), layout))
        with torch.autocast(feature.device.type, enabled=False):
            weights = shares
            if self.remap == 'maxnorm':
                weights = shares / shares.amax(-1, keepdim=True).clamp(min=1e-12)
            added = objects.to(pixels.dtype).transpose(1, 2) @ weights
            bridged = feature + added.unflatten(-1, feature.shape[-2:])
        return bridged, shares.unflatten(-1, feature.shape[-2:])

    def _interact(self, objects: Tensor, layout: ClipLayout) -> Tensor:
        """Attention among all objects of a clip, (R, T, C_b) to (R, T, C_b); a row is a frame q."""
        frames, real = layout.num_frames, layout.valid.view(-1, layout.num_frames)
        tokens = layout.to_clips(objects).flatten(1, 2)
        codes, padding = None, None
        if self.frame_embed is not None:
            if frames > len(self.frame_embed.weight):
                raise ValueError(
                    f'The clips have {frames} frames, AudioBridge has codes for '
                    f'{len(self.frame_embed.weight)}: set decode_head.bridge.max_frames='
                    f'{frames}, or positions=False.'
                )
            codes = self.frame_embed.weight[:frames, None] + self.sound_embed.weight[:frames]
            codes = codes.flatten(0, 1).expand_as(tokens)
        if not real.all():
            padding = ~(real[:, :, None] & real[:, None]).flatten(1)
        attended = self.attention(tokens, query_pos=codes, key_padding_mask=padding)
        clips = self.norm(attended).unflatten(1, (frames, frames))
        return layout.to_rows(clips)

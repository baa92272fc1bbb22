# Copyright (c) mmavs developers. All rights reserved.
"""COMBO's fusion: the mask feature and the sound read each other."""

import torch
import torch.nn.functional as F
from mmdet.models.layers import SinePositionalEncoding
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS

SIDES = {'MHA-B': 'va', 'MHA-S': 'v', 'MHA-S-Audio': 'a', 'MHA-None': ''}
"""dict[str, str]: Which sides a type changes: the mask feature (v), the sound (a)."""

SCORE_LIMIT = 50000.0
"""float: Attention scores are clamped to plus and minus this."""


@MODELS.register_module()
class BilateralFusion(BaseModule):
    """Attention of both sides over the pixels (COMBO, official code; sheet section 3).

    One score for each head, pixel and audio token, and one softmax over the pixels: with it the
    sound sums the pixels' values, and each pixel takes its share of the sound's value. (A softmax
    over the tokens would be constant for the one token of VGGish.) What a side gets is scaled by a
    learned factor, 1e-4 at first, and added to its own **normed** tokens.

    The sheet leaves open what the types besides ``MHA-B`` hand on for the side that they do not
    change: here it is what came in, the mask feature plus its level's row.

    Args:
        mode (str): ``'MHA-B'`` changes both sides, ``'MHA-S'`` the mask feature only,
            ``'MHA-S-Audio'`` the sound only, ``'MHA-None'`` neither. Defaults to ``'MHA-B'``.
        visual_dims (int): D of the mask feature. Defaults to 256.
        audio_dims (int): C of an audio token. Defaults to 128.
        embed_dims (int): Of queries, keys and values. Defaults to 256.
        num_heads (int): Defaults to 8.
        dropout (float): Of either side's attention. Defaults to 0.1.
        init_scale (float): First value of the learned factors. Defaults to 1e-4.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If the type is not known, or the heads do not divide ``embed_dims``.
    """

    def __init__(
        self,
        mode: str = 'MHA-B',
        visual_dims: int = 256,
        audio_dims: int = 128,
        embed_dims: int = 256,
        num_heads: int = 8,
        dropout: float = 0.1,
        init_scale: float = 1e-4,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if mode not in SIDES:
            raise ValueError(f'mode must be one of {list(SIDES)}, got {mode!r}.')
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims ({embed_dims}) must be a multiple of num_heads ({num_heads}).'
            )
        self.sides = SIDES[mode]
        self.num_heads = num_heads
        self.dropout = dropout
        self.level_embed = nn.Embedding(1, visual_dims)
        if not self.sides:
            return
        self.audio_pos = nn.Embedding(1, audio_dims)
        self.positional_encoding = SinePositionalEncoding(visual_dims // 2, normalize=True)
        self.v_norm, self.a_norm = nn.LayerNorm(visual_dims), nn.LayerNorm(audio_dims)
        self.v_proj = nn.Linear(visual_dims, embed_dims)
        self.a_proj = nn.Linear(audio_dims, embed_dims)
        # A side that is not changed has no parameters for it: none stays without a gradient.
        if 'v' in self.sides:
            self.a_values_proj = nn.Linear(audio_dims, embed_dims)
            self.v_out_proj = nn.Linear(embed_dims, visual_dims)
            self.v_scale = nn.Parameter(torch.full((visual_dims,), init_scale))
        if 'a' in self.sides:
            self.v_values_proj = nn.Linear(visual_dims, embed_dims)
            self.a_out_proj = nn.Linear(embed_dims, audio_dims)
            self.a_scale = nn.Parameter(torch.full((audio_dims,), init_scale))

    def init_weights(self) -> None:
        """Uniform Xavier for the projections, biases 0."""
        super().init_weights()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, mask_feature: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse.

        Args:
            mask_feature (Tensor): (V, D, h, w).
            audio (Tensor): (V, L, C).

        Returns:
            tuple[Tensor, Tensor]: Both, of the same shapes.
        """
        height, width = mask_feature.shape[-2:]
        pixels = mask_feature.flatten(2).transpose(1, 2) + self.level_embed.weight
        if self.sides:
            code = self.positional_encoding(None, mask_feature[:1]).flatten(2).transpose(1, 2)
            pixels, audio = self._attend(pixels, audio, code)
        return pixels.transpose(1, 2).unflatten(-1, (height, width)), audio

    def _attend(self, pixels: Tensor, audio: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (V, h*w, D), their codes (1, h*w, D) and the sound (V, L, C)."""
        v, a = self.v_norm(pixels), self.a_norm(audio)
        query = self._heads(self.v_proj(v + code))
        key = self._heads(self.a_proj(a + self.audio_pos.weight))
        scores = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)
        attention = scores.clamp(-SCORE_LIMIT, SCORE_LIMIT).softmax(-2)  # (V, heads, h*w, L)
        if 'v' in self.sides:
            values = self._heads(self.a_values_proj(a))
            heard = self.v_out_proj(self._joined(self._dropped(attention) @ values))
            pixels = v + self.v_scale * heard
        if 'a' in self.sides:
            values = self._heads(self.v_values_proj(v))
            seen = self._joined(self._dropped(attention).transpose(-2, -1) @ values)
            audio = a + self.a_scale * self.a_out_proj(seen)
        return pixels, audio

    def _heads(self, tokens: Tensor) -> Tensor:
        """(V, S, E) to (V, heads, S, E/heads)."""
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _joined(self, heads: Tensor) -> Tensor:
        """(V, heads, S, E/heads) to (V, S, E)."""
        return heads.transpose(1, 2).flatten(2)

    def _dropped(self, attention: Tensor) -> Tensor:
        return F.dropout(attention, self.dropout, self.training)

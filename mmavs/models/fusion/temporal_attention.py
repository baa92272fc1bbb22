# Copyright (c) mmavs developers. All rights reserved.
"""Attention between the frames of a clip, at each place by itself."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

MAX_SEQUENCES = 65535
"""int: Heads times sequences of one call: CUDA kernels of attention may not take more."""


@MODELS.register_module()
class TemporalAttention(BaseModule):
    """Every pixel looks at the same pixel of the other frames of its clip (RAVS sheet, section 5).

    Multi-head self-attention over the T steps, residual, LayerNorm. Steps have a learned position,
    added to queries and keys. The paper says only «a Multi-Head Attention layer to capture semantic
    dependencies across all time steps» (section 3.3); over all T*H*W pixels it would not fit.

    Args:
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Defaults to 8.
        max_frames (int): Positions that are learned. Defaults to 10, a clip of AVSS.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        max_frames: int = 10,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.attention = nn.MultiheadAttention(embed_dims, num_heads, batch_first=True)
        self.norm = nn.LayerNorm(embed_dims)
        self.positions = nn.Embedding(max_frames, embed_dims)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(self, rows: Tensor, layout: ClipLayout) -> Tensor:
        """Mix the frames of each clip; what only pads a clip is not looked at.

        Args:
            rows (Tensor): (R, D, h, w).
            layout (ClipLayout): Of the R rows, B clips of T frames.

        Returns:
            Tensor: (R, D, h, w).

        Raises:
            ValueError: If clips are longer than ``max_frames``.
        """
        num_frames, height, width = layout.num_frames, *rows.shape[-2:]
        if num_frames > self.positions.num_embeddings:
            raise ValueError(
                f'The clips have {num_frames} frames, but decode_head.temporal.max_frames is '
                f'{self.positions.num_embeddings}: raise it and train again, or give shorter clips.'
            )
        clips = layout.to_clips(rows)
        # (B, T, D, h, w) -> (B*h*w, T, D): a sequence a place
        steps = clips.permute(0, 3, 4, 1, 2).flatten(0, 2)
        padding = None
        if layout.has_padding or not layout.is_full:
            absent = ~layout.valid.view(-1, num_frames)
            padding = absent.repeat_interleave(height * width, 0)
        mixed = self.norm(steps + self._attend(steps, padding))
        mixed = mixed.view(-1, height, width, num_frames, steps.shape[-1])
        return layout.to_rows(mixed.permute(0, 3, 4, 1, 2))

    def _attend(self, steps: Tensor, padding: Tensor | None) -> Tensor:
        """Attention of sequences (S, T, D), a part of them at a time."""
        part = MAX_SEQUENCES // self.attention.num_heads
        asking = steps + self.positions.weight[: steps.shape[1]]
        found = [
            self.attention(
                asking[start : start + part],
                asking[start : start + part],
                steps[start : start + part],
                key_padding_mask=None if padding is None else padding[start : start + part],
                need_weights=False,
            )[0]
            for start in range(0, len(steps), part)
        ]
        return torch.cat(found)

# Copyright (c) mmavs developers. All rights reserved.
"""Queries ask a set of vectors: prototypes or sounds."""

from mmengine.model import BaseModule
from torch import Tensor, nn


class PromptAttention(BaseModule):
    """Multi-head cross-attention, residual, layer norm: ``LN(q + MHA(q, p, p))``.

    VCT, eq. 3; sheet vct.md, 5.2 step 3 (``pre_attn``): no positions, no dropout, no feed-forward
    network.

    Args:
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Defaults to 4, as the official code has it; the paper's equation has 1.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self, embed_dims: int = 256, num_heads: int = 4, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.attn = nn.MultiheadAttention(embed_dims, num_heads, batch_first=True)
        self.norm = nn.LayerNorm(embed_dims)

    def init_weights(self) -> None:
        """Xavier for every matrix (sheet vct.md, 5.4), the three input projections as one."""
        super().init_weights()
        for parameter in self.attn.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, queries: Tensor, prompts: Tensor) -> Tensor:
        """Update the queries (V, Q, D) by the prompts (V, P, D): (V, Q, D)."""
        attended = self.attn(queries, prompts, prompts, need_weights=False)[0]
        return self.norm(queries + attended)

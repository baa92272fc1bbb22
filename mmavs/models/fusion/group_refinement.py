# Copyright (c) mmavs developers. All rights reserved.
"""Groups read all tokens of their frame, most where the sound is answered: eq. 7 of RAVS."""

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn


def refine_literally(groups: Tensor, tokens: Tensor, relevance: Tensor) -> Tensor:
    """``G + softmax(G f^T / sqrt(D) + S) f``, eq. 7 as it is written.

    Args:
        groups (Tensor): G (M, P, D).
        tokens (Tensor): f (M, N, D).
        relevance (Tensor): S (M, N), the same for every group.

    Returns:
        Tensor: (M, P, D).
    """
    bias = relevance[:, None].expand(-1, groups.shape[1], -1)
    return groups + F.scaled_dot_product_attention(groups, tokens, tokens, bias.to(groups.dtype))


class GroupRefinement(BaseModule):
    """One layer of the "stack of transformer decoders" (RAVS eq. 7; sheet section 3).

    Attention with learned projections, the relevance added to the scores of every head, and a
    feed-forward part, each behind a LayerNorm and added to what came in.

    Args:
        embed_dims (int): D.
        num_heads (int): Defaults to 8.
        ffn_ratio (int): The hidden layer has so many times D channels. Defaults to 4.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self, embed_dims: int, num_heads: int = 8, ffn_ratio: int = 4, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.num_heads = num_heads
        self.query_norm = nn.LayerNorm(embed_dims)
        self.key_norm = nn.LayerNorm(embed_dims)
        self.query = nn.Linear(embed_dims, embed_dims)
        self.key = nn.Linear(embed_dims, embed_dims, bias=False)  # a bias would cancel
        self.value = nn.Linear(embed_dims, embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.ffn_norm = nn.LayerNorm(embed_dims)
        self.ffn = nn.Sequential(
            nn.Linear(embed_dims, ffn_ratio * embed_dims),
            nn.GELU(),
            nn.Linear(ffn_ratio * embed_dims, embed_dims),
        )

    def init_weights(self) -> None:
        """Both branches begin at zero: the groups begin as they were merged."""
        super().init_weights()
        if not self.init_cfg:
            for last in (self.proj, self.ffn[-1]):
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)

    def forward(self, groups: Tensor, tokens: Tensor, relevance: Tensor) -> Tensor:
        """Refine the groups.

        Args:
            groups (Tensor): (M, P, D).
            tokens (Tensor): (M, N, D).
            relevance (Tensor): (M, N), added to the scores.

        Returns:
            Tensor: (M, P, D).
        """
        read = self.key_norm(tokens)
        query = self._heads(self.query(self.query_norm(groups)))
        key, value = self._heads(self.key(read)), self._heads(self.value(read))
        bias = relevance[:, None, None].expand(-1, 1, groups.shape[1], -1).to(query.dtype)
        seen = F.scaled_dot_product_attention(query, key, value, bias)
        groups = groups + self.proj(seen.transpose(1, 2).flatten(2))
        return groups + self.ffn(self.ffn_norm(groups))

    def _heads(self, rows: Tensor) -> Tensor:
        """(M, S, D) to (M, heads, S, D/heads)."""
        return rows.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

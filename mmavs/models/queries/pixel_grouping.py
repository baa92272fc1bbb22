# Copyright (c) mmavs developers. All rights reserved.
"""Which pixels belong to which query, and what a query takes from them."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

# A count of pixels is 0 or at least 1, up to rounding; this is between them.
SMALLEST_COUNT = 0.5


class PixelGrouping(BaseModule):
    """Attention of queries to pixels, in which each pixel is of one query (VCT, eq. 6-8).

    The AssignAttention of GroupViT with one head (sheet vct.md, 5.2 step 4). With hard groups the
    softmax is over the queries, with Gumbel noise in training only, and the gradient goes straight
    through to the soft assignment. Without, it is an ordinary softmax over the pixels: the
    cross-attention that the paper compares with (Table 2), with the same parameters.

    Keys and values of the pixels are linear in them, so neither is computed:
    ``q . (W_k x + b_k) = (W_k^T q) . x + q . b_k`` and
    ``sum_p a_p (W_v x_p + b_v) = W_v (sum_p a_p x_p) + (sum_p a_p) b_v``.

    Runs in the precision of the parameters whatever the autocast: the similarities of a pixel to
    different queries are close, and counts of pixels pass what fp16 holds exactly.

    Args:
        embed_dims (int): D. Defaults to 256.
        hard (bool): Each pixel belongs to one query. Defaults to True.
        scale (float, optional): Factor of the similarity. None: ``D ** -0.5``, as the official code
            has it; the paper's eq. 6 has 1. Defaults to None.
        count_eps (float): What is added to a query's number of pixels before its sum is divided by
            it, with hard groups. Defaults to 1, as the official code has it; the paper's eq. 8 has
            0.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        hard: bool = True,
        scale: float | None = None,
        count_eps: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if count_eps < 0:
            raise ValueError(f'count_eps must not be negative, got {count_eps}.')
        self.hard = hard
        self.scale = embed_dims**-0.5 if scale is None else scale
        self.count_eps = count_eps
        self.q_proj = nn.Linear(embed_dims, embed_dims)
        self.k_proj = nn.Linear(embed_dims, embed_dims)
        self.v_proj = nn.Linear(embed_dims, embed_dims)
        self.out_proj = nn.Linear(embed_dims, embed_dims)

    def similarity(self, queries: Tensor, pixels: Tensor) -> Tensor:
        """Scaled similarity (V, Q, P) of the queries (V, Q, D) to the pixels (V, D, P)."""
        asked = self.q_proj(queries)
        offset = asked @ self.k_proj.bias
        return self.scale * (asked @ self.k_proj.weight @ pixels + offset.unsqueeze(-1))

    def draw_noise(self, similarity: Tensor) -> Tensor:
        """Independent samples of Gumbel(0, 1), one an entry of the similarity."""
        return -torch.empty_like(similarity).exponential_().log()

    def assign(self, similarity: Tensor) -> Tensor:
        """How much each query takes of each pixel.

        Args:
            similarity (Tensor): (V, Q, P).

        Returns:
            Tensor: (V, Q, P). Hard: one 1 a pixel, with the gradient of the softmax over the
            queries. Soft: sums to 1 over the pixels.
        """
        if not self.hard:
            return similarity.softmax(-1)
        if self.training:
            similarity = similarity + self.draw_noise(similarity)
        soft = similarity.softmax(1)
        hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
        return hard - soft.detach() + soft if soft.requires_grad else hard

    def gather(self, assignment: Tensor, pixels: Tensor) -> Tensor:
        """What each query takes from its pixels, (V, Q, D), before the output projection.

        Args:
            assignment (Tensor): (V, Q, P).
            pixels (Tensor): (V, D, P).

        Returns:
            Tensor: (V, Q, D).
        """
        share = assignment
        if self.hard:
            count = assignment.sum(-1, keepdim=True) + self.count_eps
            share = assignment / count.clamp(min=SMALLEST_COUNT)
        taken = F.linear(share @ pixels.transpose(1, 2), self.v_proj.weight)
        return taken + share.sum(-1, keepdim=True) * self.v_proj.bias

    def forward(self, queries: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Add to each query what it takes from the pixels.

        Args:
            queries (Tensor): (V, Q, D).
            pixels (Tensor): (V, D, P).

        Returns:
            tuple[Tensor, Tensor]: Queries (V, Q, D) and the assignment (V, Q, P). A query without
            pixels gets the bias of the output projection only.
        """
        with torch.autocast(queries.device.type, enabled=False):
            dtype = self.out_proj.weight.dtype
            queries, pixels = queries.to(dtype), pixels.to(dtype)
            assignment = self.assign(self.similarity(queries, pixels))
            return queries + self.out_proj(self.gather(assignment, pixels)), assignment

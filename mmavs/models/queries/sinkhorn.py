# Copyright (c) mmavs developers. All rights reserved.
"""Sinkhorn: shares of samples in components, such that every component gets its part."""

import torch
from torch import Tensor


def sinkhorn(
    scores: Tensor, valid: Tensor | None = None, num_iters: int = 3, epsilon: float = 0.05
) -> Tensor:
    """Scale ``exp(scores / epsilon)`` so that rows sum to 1 and columns to n/M in turn, rows last.

    Computed with logarithms, so scores of any size are fine. With ``num_iters=3, epsilon=0.05``
    and scores divided by their largest magnitude it is that of GMMSeg (sheet cpm.md, 4.1), which
    takes the largest share of each row.

    Args:
        scores (Tensor): (..., n, M) of n samples and M components.
        valid (Tensor, optional): (..., n) bool, samples that count. Defaults to None: all.
        num_iters (int): Times that columns and rows are scaled; 0 gives the softmax of each row.
            Defaults to 3.
        epsilon (float): Temperature. Defaults to 0.05.

    Returns:
        Tensor: (..., n, M), rows sum to 1, those of samples that do not count are 0.
    """
    plan = scores / epsilon
    for _ in range(num_iters):
        counted = plan if valid is None else plan.masked_fill(~valid.unsqueeze(-1), -torch.inf)
        plan = plan - _finite(counted.logsumexp(-2, keepdim=True))
        plan = plan.log_softmax(-1)
    shares = plan.softmax(-1)
    return shares if valid is None else shares * valid.unsqueeze(-1)


def _finite(total: Tensor) -> Tensor:
    """Logarithms of sums, 0 where there is nothing to sum."""
    return total.masked_fill(total == -torch.inf, 0.0)

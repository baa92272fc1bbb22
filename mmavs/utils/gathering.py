# Copyright (c) mmavs developers. All rights reserved.
"""Rows of all processes in one tensor."""

import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """Put the rows of all processes one after the other, in the order of their ranks.

    Args:
        rows (Tensor): (n, ...); n may differ from process to process, and be 0.

    Returns:
        Tensor: (n of all, ...), the same on every process, without gradient.
    """
    rows = rows.detach()
    if get_world_size() == 1:
        return rows
    counts = torch.cat(all_gather(torch.tensor([len(rows)], device=rows.device))).tolist()
    # Only tensors of one shape can be gathered.
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[: len(rows)] = rows
    return torch.cat([part[:count] for part, count in zip(all_gather(padded), counts)])

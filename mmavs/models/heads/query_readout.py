# Copyright (c) mmavs developers. All rights reserved.
"""From queries, each a class and a mask, to scores of the classes at each pixel."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor


def sum_of_queries(classes: Tensor, masks: Tensor) -> Tensor:
    """``sum_q p_q(class) * p_q(pixel)`` (Mask2Former's semantic inference; VCT, sheet 7).

    Args:
        classes (Tensor): (Q, K+1) probabilities, the last of «no object».
        masks (Tensor): (Q, H, W) probabilities.

    Returns:
        Tensor: (K, H, W), not a distribution over the classes.
    """
    return torch.einsum('qk,qhw->khw', classes[:, :-1], masks)


def best_query(classes: Tensor, masks: Tensor) -> Tensor:
    """``max_q p_q(c_q) * p_q(pixel)`` over the queries whose likeliest class c_q is that class.

    The largest of these scores at a pixel is that of CPM's query i with the largest
    ``p_i(c_i) * m_i``, no object left out, so its class is the class of that query (CPM, section
    3.1; MaskFormer's general inference).

    Args:
        classes (Tensor): (Q, K+1) probabilities, the last of «no object».
        masks (Tensor): (Q, H, W) probabilities.

    Returns:
        Tensor: (K, H, W), 0 of classes that no query says.
    """
    probability, label = classes.max(-1)
    scores = probability[:, None, None] * masks
    found = scores.new_zeros(classes.shape[-1], *masks.shape[1:])
    places = label[:, None, None].expand_as(scores)
    return found.scatter_reduce(0, places, scores, 'amax')[:-1]


READOUTS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    dict(semantic=sum_of_queries, general=best_query)
)
"""Mapping: By the name of the inference."""

# Copyright (c) mmavs developers. All rights reserved.
"""From the rows of valid frames, which alone were computed, to rows of all frames."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from mmavs.structures import ClipLayout, MaskOutputs, SemanticMerge


def scatter_rows(value: Any, valid: Tensor) -> Any:
    """Put rows that were computed back to their places among all rows; the others are zero.

    Args:
        value (Any): A tensor (V, ...), a :class:`MaskOutputs` or :class:`SemanticMerge`, or
            lists and dicts of them. Other things, and entries of ``MaskOutputs.SHARED``, are left
            as they are.
        valid (Tensor): (N,) bool with V true.

    Returns:
        Any: The same with tensors (N, ...).
    """
    if isinstance(value, Tensor):
        rows = value.new_zeros(len(valid), *value.shape[1:])
        rows[valid] = value
        return rows
    if isinstance(value, MaskOutputs):
        return MaskOutputs(**{key: scatter_rows(item, valid) for key, item in vars(value).items()})
    if isinstance(value, dict):
        return {
            key: item if key in MaskOutputs.SHARED else scatter_rows(item, valid)
            for key, item in value.items()
        }
    if isinstance(value, SemanticMerge):
        return SemanticMerge(*(scatter_rows(item, valid) for item in value))
    if isinstance(value, list):
        return [scatter_rows(item, valid) for item in value]
    if isinstance(value, ClipLayout):
        return replace(value, has_padding=True)
    return value

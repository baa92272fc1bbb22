# Copyright (c) mmavs developers. All rights reserved.
"""What official checkpoint files are wrapped in."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

WRAPPERS = ('state_dict', 'model')
"""tuple[str]: Keys under which files nest their weights."""


def unwrap_state_dict(checkpoint: Any) -> dict[str, Tensor]:
    """The bare state dict of a file.

    Args:
        checkpoint (Any): A state dict, bare or under ``state_dict`` or ``model``, with or
            without the prefix ``module.`` of DataParallel.

    Returns:
        dict[str, Tensor]: Names without ``module.``.

    Raises:
        ValueError: If there is no state dict of tensors in it.
    """
    if not isinstance(checkpoint, Mapping):
        raise ValueError(f'Expected a state dict of tensors, found {type(checkpoint).__name__}.')
    for wrapper in WRAPPERS:
        if isinstance(checkpoint.get(wrapper), Mapping):
            checkpoint = checkpoint[wrapper]
            break
    strangers = [key for key, value in checkpoint.items() if not isinstance(value, Tensor)]
    if strangers or not checkpoint:
        raise ValueError(
            f'Expected a state dict of tensors, bare or under one of {WRAPPERS}; found '
            + (f'other values under {strangers[:5]}.' if strangers else 'nothing.')
        )
    return {key.removeprefix('module.'): value for key, value in checkpoint.items()}

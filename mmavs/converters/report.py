# Copyright (c) mmavs developers. All rights reserved.
"""Files in, words out: what the tools that convert checkpoints share."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mmavs.utils.checkpoint import load_checkpoint_file

from .files import unwrap_state_dict
from .rules import Conversion


def read(path: Path, convert_to: Callable[[dict[str, Tensor]], Any]) -> Any:
    """What a conversion makes of the state dict in a file.

    Args:
        path (Path): The file.
        convert_to (Callable): Takes the bare state dict.

    Returns:
        Any: What ``convert_to`` returns.

    Raises:
        ValueError: If the file holds something else; the error names it.
    """
    checkpoint = load_checkpoint_file(path)
    try:
        return convert_to(unwrap_state_dict(checkpoint))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def report(conversion: Conversion) -> str:
    """What was renamed, dropped and filled in, and why, in a few lines.

    Args:
        conversion (Conversion): In either direction.

    Returns:
        str: To be printed.
    """
    lines = [f'{len(conversion.renamed)} tensors renamed, {len(conversion.dropped)} dropped']
    lines += _groups('dropped', conversion.dropped)
    if conversion.filled:
        lines.append(
            f'{len(conversion.filled)} tensors filled in that the official code asks for but never '
            'reads'
        )
        copies = {name: f'copies of {_group(twin)}.*' for name, twin in conversion.filled.items()}
        lines += _groups('filled', copies)
    return '\n'.join(lines)


def _groups(what: str, reasons: Mapping[str, str]) -> list[str]:
    groups = Counter((_group(name), reason) for name, reason in reasons.items())
    return [f'  {what:7s} {n:4d} {prefix}.*: {reason}' for (prefix, reason), n in groups.items()]


def _group(name: str) -> str:
    return '.'.join(name.split('.')[:2])

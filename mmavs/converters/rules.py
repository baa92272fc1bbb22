# Copyright (c) mmavs developers. All rights reserved.
"""Rename the tensors of a checkpoint: each is mapped, dropped for a reason, or refused."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

WRAPPERS = ('state_dict', 'model')
"""tuple[str]: Keys under which official files nest their weights."""


@dataclass(frozen=True)
class Rename:
    """Replace a pattern, which must match from the start of the key.

    Attributes:
        pattern (str): Regular expression.
        replacement (str): As of :func:`re.sub`.
    """

    pattern: str
    replacement: str


@dataclass(frozen=True)
class Drop:
    """Leave keys out.

    Attributes:
        pattern (str): Regular expression, matched from the start of the key.
        reason (str): Why the tensor is not needed.
    """

    pattern: str
    reason: str


@dataclass
class Conversion:
    """What a conversion gave.

    Attributes:
        state_dict (dict[str, Tensor]): Tensors under the names of mmavs.
        renamed (dict[str, str]): Official name to ours.
        dropped (dict[str, str]): Official name to the reason.
    """

    state_dict: dict[str, Tensor] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)


def unwrap_state_dict(checkpoint: Mapping) -> dict[str, Tensor]:
    """The bare state dict of an official file.

    Args:
        checkpoint (Mapping): A state dict, bare or under ``state_dict`` or ``model``, with or
            without the prefix ``module.`` of DataParallel.

    Returns:
        dict[str, Tensor]: Names without ``module.``.

    Raises:
        ValueError: If there is no state dict of tensors in it.
    """
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


def convert(state_dict: Mapping[str, Tensor], rules: Sequence[Rename | Drop]) -> Conversion:
    """Apply the first rule that matches to each key.

    Args:
        state_dict (Mapping[str, Tensor]): Official names.
        rules (Sequence[Rename | Drop]): In order of priority.

    Returns:
        Conversion: The renamed tensors and a report.

    Raises:
        ValueError: If a key matches no rule, or two keys get one name.
    """
    conversion = Conversion()
    unknown = []
    for key, value in state_dict.items():
        rule = next((rule for rule in rules if re.match(rule.pattern, key)), None)
        if rule is None:
            unknown.append(key)
        elif isinstance(rule, Drop):
            conversion.dropped[key] = rule.reason
        else:
            name = re.sub(rule.pattern, rule.replacement, key, count=1)
            if name in conversion.state_dict:
                raise ValueError(f'"{key}" and another tensor would both become "{name}".')
            conversion.renamed[key] = name
            conversion.state_dict[name] = value
    if unknown:
        raise ValueError(
            f'{len(unknown)} of {len(state_dict)} tensors are not known to this method, the first '
            f'are {unknown[:5]}. Is this a checkpoint of another method (--method)?'
        )
    return conversion

# Copyright (c) mmavs developers. All rights reserved.
"""Rules that turn the tensors of an official checkpoint into ours, and back.

A rule holds both names, so one table serves both directions. Names are templates: ``{i}`` stands
for a number, ``{i+1}`` for that number plus one. A template that ends in a dot is the beginning of
a name, whose rest is kept; any other is a whole name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from torch import Tensor

_PLACE = re.compile(r'\{(\w+?)(?:\+(\d+))?\}')


@dataclass(frozen=True)
class Reshape:
    """How a tensor changes on the way to us, and back; each undoes the other.

    Attributes:
        to_ours (Callable): Official tensor to ours.
        to_official (Callable): Our tensor to the official one.
    """

    to_ours: Callable[[Tensor], Tensor]
    to_official: Callable[[Tensor], Tensor]


def squeeze_kernel(dims: int) -> Reshape:
    """A kernel whose last dimensions are 1 in the official model, and are not there in ours.

    Args:
        dims (int): How many.

    Returns:
        Reshape: A kernel that is larger than 1 in one of these dimensions keeps it.
    """
    last = tuple(range(-dims, 0))
    return Reshape(
        to_ours=lambda kernel: kernel.squeeze(last),
        to_official=lambda kernel: kernel[(..., *[None] * dims)],
    )


@dataclass(frozen=True)
class Rename:
    """A tensor that both have.

    Attributes:
        official (str): Template of the official name.
        ours (str): Template of our name, with the same places.
        reshape (Reshape, optional): Where the shapes differ. Defaults to None.
    """

    official: str
    ours: str
    reshape: Reshape | None = None


@dataclass(frozen=True)
class Drop:
    """A tensor that only the official model has.

    Attributes:
        official (str): Template of the official name.
        reason (str): Why it is not needed.
        twin (str, optional): Template, with the same places, of the official name of a tensor that
            has the same shape. An official file gets a copy of that one in its place, since the
            official code loads strictly. None: the official code does not ask for it.
    """

    official: str
    reason: str
    twin: str | None = None


@dataclass(frozen=True)
class Extra:
    """A tensor that only our model has.

    Attributes:
        ours (str): Template of our name.
        reason (str): Where the official code has it.
    """

    ours: str
    reason: str


Rule = Rename | Drop | Extra


@dataclass
class Conversion:
    """What a conversion gave, in either direction.

    Attributes:
        state_dict (dict[str, Tensor]): Tensors under their new names.
        renamed (dict[str, str]): Old name to new name.
        dropped (dict[str, str]): Old name to the reason.
        filled (dict[str, str]): New name to the new name of the tensor that it is a copy of.
    """

    state_dict: dict[str, Tensor] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    filled: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """A rule in one direction."""

    source: str
    target: str | None
    change: Callable[[Tensor], Tensor] | None
    reason: str


def convert(state_dict: Mapping[str, Tensor], rules: Sequence[Rule]) -> Conversion:
    """Official tensors to ours: the first rule that knows a name decides.

    Args:
        state_dict (Mapping[str, Tensor]): By official names.
        rules (Sequence[Rule]): In order of priority.

    Returns:
        Conversion: Tensors by our names, and what was done.

    Raises:
        ValueError: If a name is not known, or two tensors get one name.
    """
    steps = []
    for rule in rules:
        if isinstance(rule, Rename):
            change = rule.reshape and rule.reshape.to_ours
            steps.append(_Step(rule.official, rule.ours, change, ''))
        elif isinstance(rule, Drop):
            steps.append(_Step(rule.official, None, None, rule.reason))
    return _apply(state_dict, steps, 'Is this a checkpoint of another method (--method)?')


def revert(state_dict: Mapping[str, Tensor], rules: Sequence[Rule]) -> Conversion:
    """Our tensors to official ones: those that both have, and copies for what is dropped.

    Args:
        state_dict (Mapping[str, Tensor]): By our names.
        rules (Sequence[Rule]): As for :func:`convert`.

    Returns:
        Conversion: Tensors by official names, and what was done.

    Raises:
        ValueError: If a name is not known, or two tensors get one name.
    """
    steps = []
    for rule in rules:
        if isinstance(rule, Rename):
            change = rule.reshape and rule.reshape.to_official
            steps.append(_Step(rule.ours, rule.official, change, ''))
        elif isinstance(rule, Extra):
            steps.append(_Step(rule.ours, None, None, rule.reason))
    conversion = _apply(state_dict, steps, 'Is this a checkpoint of another model (--method)?')
    twins = [(rule.twin, rule.official) for rule in rules if isinstance(rule, Drop) and rule.twin]
    for name in conversion.renamed.values():
        for twin, dead in twins:
            filled = translate(name, twin, dead)
            if filled is not None:
                conversion.filled[filled] = name
    for filled, name in conversion.filled.items():
        conversion.state_dict[filled] = conversion.state_dict[name].clone()
    return conversion


def translate(name: str, source: str, target: str) -> str | None:
    """A name that follows one template, written by another.

    Args:
        name (str): Such as ``'conv2.weight'``.
        source (str): Such as ``'conv{i+1}.'``.
        target (str): Such as ``'convs.{i}.'``.

    Returns:
        str, optional: Such as ``'convs.1.weight'``; None if the name does not follow ``source``.
    """
    match = _pattern(source).match(name)
    if match is None:
        return None
    numbers = {place: int(digits) for place, digits in match.groupdict().items()}
    for place, offset in _PLACE.findall(source):
        numbers[place] -= int(offset or 0)
    if min(numbers.values(), default=0) < 0:
        return None
    filled = _PLACE.sub(lambda m: str(numbers[m[1]] + int(m[2] or 0)), target)
    return filled + name[match.end() :]


@cache
def _pattern(template: str) -> re.Pattern:
    # re.split with two groups gives: text, place, offset, text, place, offset, ..., text
    parts = _PLACE.split(template)
    texts, places = parts[::3], parts[1::3]
    pattern = re.escape(texts[0])
    for place, text in zip(places, texts[1:]):
        pattern += rf'(?P<{place}>\d+){re.escape(text)}'
    return re.compile(pattern if template.endswith('.') else rf'{pattern}\Z')


def _apply(state_dict: Mapping[str, Tensor], steps: Sequence[_Step], doubt: str) -> Conversion:
    conversion = Conversion()
    unknown = []
    for name, tensor in state_dict.items():
        step, renamed = _first_match(name, steps)
        if step is None:
            unknown.append(name)
        elif step.target is None:
            conversion.dropped[name] = step.reason
        elif renamed in conversion.state_dict:
            raise ValueError(f'"{name}" and another tensor would both become "{renamed}".')
        else:
            conversion.renamed[name] = renamed
            conversion.state_dict[renamed] = step.change(tensor) if step.change else tensor
    if unknown:
        raise ValueError(
            f'{len(unknown)} of {len(state_dict)} tensors are not known to this method, the first '
            f'are {unknown[:5]}. {doubt}'
        )
    return conversion


def _first_match(name: str, steps: Sequence[_Step]) -> tuple[_Step | None, str | None]:
    for step in steps:
        renamed = translate(name, step.source, step.target or step.source)
        if renamed is not None:
            return step, renamed
    return None, None

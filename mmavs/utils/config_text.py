# Copyright (c) mmavs developers. All rights reserved.
"""Read the config text inside a checkpoint without running it.

mmengine executes that text as a Python file. What it writes there itself (``Config.pretty_text``)
is no more than assignments of plain values, and that is all that is read here.
"""

import ast
import sys
from typing import Any

CALLS = {'dict': dict, 'list': list, 'tuple': tuple, 'set': set}
"""dict[str, type]: What a config text may call."""

NUMBERS = {'inf': float('inf'), 'nan': float('nan')}
"""dict[str, float]: ``Config.pretty_text`` writes these as bare names."""

PACKAGES = ('mmavs', 'mmdet', 'mmseg', 'mmpretrain', 'mmcv', 'mmengine', 'torch', 'timm')
"""tuple[str]: What a config from a checkpoint may import, and name types of."""


class ConfigTextError(ValueError):
    """A config text that does more than assign plain values."""


def check_config_text(text: str, may_import: bool = True) -> None:
    """Refuse a config text that could run code if mmengine executed it.

    Text that is no Python at all passes: it cannot run.

    Args:
        text (str): The text.
        may_import (bool): Whether ``custom_imports`` may name modules that are not imported yet.
            Defaults to True.

    Raises:
        ConfigTextError: If it does more than assign plain values.
    """
    try:
        values, _ = _read(text)
    except SyntaxError:
        return
    if not may_import:
        for name in _new_imports(values):
            raise ConfigTextError(f'it imports {name}')


def parse_config_text(text: str) -> dict[str, Any]:
    """The values of a config text; nothing in it is executed.

    Args:
        text (str): As of ``Config.pretty_text``.

    Returns:
        dict: What it assigns.

    Raises:
        ConfigTextError: If it does more than assign plain values, or imports other modules than
            those of mmavs and the packages below it.
        ValueError: If it cannot be read.
    """
    try:
        values, unknown = _read(text)
    except SyntaxError as error:
        raise ValueError(f'it is no Python text (line {error.lineno}: {error.msg})') from error
    if unknown:
        raise ValueError(f'the values {", ".join(unknown[:3])} stand for nothing')
    for name in _new_imports(values):
        raise ConfigTextError(f'it imports {name}')
    return values


def _new_imports(values: dict[str, Any]) -> list[str]:
    """Modules of ``custom_imports`` that are not imported yet and not of a package of ours."""
    custom = values.get('custom_imports') or {}
    names = custom.get('imports') or [] if isinstance(custom, dict) else custom
    names = names if isinstance(names, (list, tuple)) else [names]
    return [
        str(name)
        for name in names
        if str(name) not in sys.modules and str(name).split('.')[0] not in PACKAGES
    ]


def _read(text: str) -> tuple[dict[str, Any], list[str]]:
    """The values, and the names among them that stand for nothing known."""
    # mmengine fills in '{{ ... }}' before it executes the text, which can turn a string into code.
    if '{{' in text:
        raise ConfigTextError('it has a placeholder "{{"')
    try:
        tree = ast.parse(text)
        values, unknown = {}, []
        for statement in tree.body:
            name = _target(statement)
            values[name] = _value(statement.value, unknown)
    except (RecursionError, MemoryError) as error:
        raise ConfigTextError('it is nested too deeply') from error
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigTextError):
            raise
        raise SyntaxError(str(error)) from error  # null bytes, dict(1), an unhashable key
    return values, unknown


def _target(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name):
            # _base_ names another file to execute; dict = exec would change what dict(...) calls.
            allowed = target.id not in CALLS and target.id != '_base_' and '__' not in target.id
            if allowed:
                return target.id
    raise _refused(statement)


def _value(node: ast.expr, unknown: list[str]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return kind([_value(item, unknown) for item in node.elts])
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = [_value(key, unknown) for key in node.keys]
        return dict(zip(keys, [_value(value, unknown) for value in node.values]))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _value(node.operand, unknown)
        if isinstance(value, (int, float, complex)):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _named(node, unknown)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        named = {}
        for keyword in node.keywords:
            value = _value(keyword.value, unknown)
            named.update({keyword.arg: value} if keyword.arg is not None else dict(value))
        return CALLS[node.func.id](*[_value(item, unknown) for item in node.args], **named)
    raise _refused(node)


def _named(node: ast.expr, unknown: list[str]) -> Any:
    """A number; or a name like ``torch.float32``, which calls nothing."""
    name = ast.unparse(node)
    if name in NUMBERS:
        return NUMBERS[name]
    if '__' in name or not all(part.isidentifier() for part in name.split('.')):
        raise _refused(node)
    unknown.append(name)
    return name


def _refused(node: ast.AST) -> ConfigTextError:
    source = ast.unparse(node).splitlines()[0]
    shown = source if len(source) <= 60 else f'{source[:57]}...'
    return ConfigTextError(f'line {node.lineno} is more than a plain value: {shown}')

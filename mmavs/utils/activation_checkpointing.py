# Copyright (c) mmavs developers. All rights reserved.
"""Activation checkpointing that changes nothing but memory and time.

mmengine's Runner has a config key for it, ``activation_checkpointing = [names of modules]``. Its
own implementation takes no keyword arguments, gives no gradients to a module whose tensor inputs
need none (a backbone), does not look into tuples of tensors, and lets batch norms update their
running statistics a second time. Here the same key gives the losses, gradients and statistics of
training without it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from types import MethodType
from typing import Any

import mmengine.runner.runner
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def install_activation_checkpointing() -> None:
    """Let the Runner's key ``activation_checkpointing`` mean what this file does."""
    mmengine.runner.runner.turn_on_activation_checkpointing = turn_on_activation_checkpointing


def turn_on_activation_checkpointing(model: nn.Module, modules: list[str] | str) -> None:
    """Compute what some modules need for their gradients again in the backward pass.

    Args:
        model (nn.Module): The whole model, not wrapped.
        modules (list[str] | str): Names of modules as ``named_modules`` has them. ``*`` stands for
            anything within one part of a name: ``backbone.layer*.*`` is every block of a ResNet. A
            ``ModuleList``, which is never called itself, stands for each of its items.

    Raises:
        ValueError: If the model has no module of a name.
    """
    for pattern in [modules] if isinstance(modules, str) else modules:
        for module in _find_modules(model, pattern):
            checkpoint_module(module)


def checkpoint_module(module: nn.Module) -> None:
    """Compute what a module needs for its gradients again in the backward pass.

    Only the inputs are kept. The second forward pass draws the same random numbers, under the same
    autocast, and leaves the running statistics of batch norms alone. Other modules that change
    their own state in ``forward`` (a memory bank, say) must not be inside. Parameter names, type
    and copies of the module stay as they are.

    Args:
        module (nn.Module): Changed in place. Its inputs and outputs may be anything.
    """
    module.forward = MethodType(_checkpointed_forward, module)


def _find_modules(model: nn.Module, pattern: str) -> Iterator[nn.Module]:
    parts = pattern.split('.')
    found = False
    for name, module in model.named_modules():
        names = name.split('.')
        if len(names) == len(parts) and all(map(fnmatchcase, names, parts)):
            found = True
            items = module if isinstance(module, nn.ModuleList) else [module]
            yield from (item for item in items if item is not None)
    if not found:
        raise ValueError(
            f'activation_checkpointing: the model has no module "{pattern}". '
            f'{_what_is_there(model, parts)}'
        )


def _what_is_there(model: nn.Module, parts: list[str]) -> str:
    """The children of the deepest module that the first parts of a name lead to."""
    place = ''
    for part in parts:
        child = dict(model.named_children()).get(part)
        if child is None:
            break
        model, place = child, f'{place}.{part}' if place else part
    children = [name for name, _ in model.named_children()]
    return f'"{place}" has {children}.' if place else f'Its parts are {children}.'


def _checkpointed_forward(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """Takes the place of ``forward``; a bound method, so a deep copy calls the copied module."""
    forward = type(module).forward
    if not torch.is_grad_enabled():
        return forward(module, *args, **kwargs)
    names, num_args = tuple(kwargs), len(args)

    def run(*values: Any) -> Any:
        return forward(module, *values[:num_args], **dict(zip(names, values[num_args:])))

    # Tensors go by position: torch restores the random state of the GPUs of these alone.
    return checkpoint(
        run, *args, *kwargs.values(), use_reentrant=False, context_fn=_context_fn(module)
    )


def _context_fn(
    module: nn.Module,
) -> Callable[[], tuple[AbstractContextManager, AbstractContextManager]]:
    """Contexts of the first and of the second forward pass."""
    norms = [
        norm
        for norm in module.modules()
        if norm.training and getattr(norm, 'running_mean', None) is not None
    ]
    return lambda: (nullcontext(), _scratch_statistics(norms))


@contextmanager
def _scratch_statistics(norms: list[nn.Module]) -> Iterator[None]:
    """Let norms update copies of their running statistics, which are thrown away."""
    kept = [(norm, dict(norm.named_buffers(recurse=False))) for norm in norms]
    for norm, buffers in kept:
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in kept:
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)

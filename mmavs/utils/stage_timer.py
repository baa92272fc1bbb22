# Copyright (c) mmavs developers. All rights reserved.
"""How long each part of a model takes, in its own calls."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import torch
from torch import nn


def wait_for(device: str | torch.device) -> None:
    """Wait until an accelerator has done what it was given; a CPU has."""
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)


class StageTimer:
    """Adds up the time that parts of a model take, while it is entered.

    The clock is read when the device has nothing left to do, so stages do not overlap and the whole
    is slower than without.

    Args:
        model (nn.Module): The model.
        names (Sequence[str]): Of modules in it. What one with a dot takes is not counted again for
            the part that it is in: each has the time that is its own.
        device (str | torch.device): Where the model runs.

    Attributes:
        seconds (dict[str, float]): By name, for those that were called; in the order of ``names``.
    """

    def __init__(
        self, model: nn.Module, names: Sequence[str], device: str | torch.device = 'cpu'
    ) -> None:
        self.seconds: dict[str, float] = {}
        self._model, self._names, self._device = model, tuple(names), device
        self._started: list[float] = []
        self._inside = [0.0]  # seconds of parts in each part that is running, the model first
        self._handles: list[Any] = []

    def __enter__(self) -> 'StageTimer':
        for name in self._names:
            module = self._model.get_submodule(name)
            self._handles.append(module.register_forward_pre_hook(self._start))
            self._handles.append(module.register_forward_hook(self._stop_of(name)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        called = {name: self.seconds[name] for name in self._names if name in self.seconds}
        self.seconds = called

    def _start(self, *_: Any) -> None:
        wait_for(self._device)
        self._started.append(time.perf_counter())
        self._inside.append(0.0)

    def _stop_of(self, name: str) -> Callable:
        def stop(*_: Any) -> None:
            wait_for(self._device)
            took = time.perf_counter() - self._started.pop()
            own = took - self._inside.pop()
            self._inside[-1] += took
            self.seconds[name] = self.seconds.get(name, 0.0) + own

        return stop

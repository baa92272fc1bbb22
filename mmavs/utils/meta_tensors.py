# Copyright (c) mmavs developers. All rights reserved.
"""Models without weights: names and shapes at no cost of memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _NumbersOnCPU(TorchFunctionMode):
    """Constructors that read numbers out of ``torch.linspace`` (rates of mmseg's Swin) get them."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.linspace:
            kwargs.setdefault('device', 'cpu')
        return func(*args, **kwargs)


@contextmanager
def meta_tensors() -> Iterator[None]:
    """Within this, models are built with names and shapes only.

    Examples:
        >>> with meta_tensors():
        ...     wanted = MODELS.build(config).state_dict()
    """
    with torch.device('meta'), _NumbersOnCPU():
        yield

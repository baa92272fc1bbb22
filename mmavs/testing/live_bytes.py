# Copyright (c) mmavs developers. All rights reserved.
"""How many bytes the tensors of a training step take, without a GPU."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MEBIBYTE = 2**20


class LiveBytes(TorchDispatchMode):
    """Bytes of the tensors that operators have made and that are still there.

    Args:
        known (Iterable[Tensor]): Tensors that were there before. They, and views of them, do not
            count.

    Attributes:
        now (int): Bytes at this moment.
        peak (int): The most so far.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen = weakref.WeakSet(tensor.untyped_storage() for tensor in known)

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run an operator and count what it has made."""
        outputs = func(*args, **(kwargs or {}))
        for value in tree_leaves(outputs):
            if isinstance(value, Tensor) and value.untyped_storage() not in self._seen:
                self._count(value.untyped_storage())
        return outputs

    def _count(self, storage: torch.UntypedStorage) -> None:
        self._seen.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.now -= size


def measure(model: nn.Module, data: dict, dtype: torch.dtype | None = None) -> tuple[int, int]:
    """Measure the forward and backward pass of one training step.

    Args:
        model (nn.Module): A segmentor. Its gradients are thrown away.
        data (dict): What its data preprocessor gave.
        dtype (torch.dtype, optional): Of autocast. None: float32. Defaults to None.

    Returns:
        tuple[int, int]: Bytes kept for the backward pass, bytes at the peak.
    """
    model.zero_grad()
    inputs = [value for value in tree_leaves(data) if isinstance(value, Tensor)]
    targets = [sample.gt_sem_seg.data for sample in data['data_samples']]
    known = [*model.parameters(), *model.buffers(), *inputs, *targets]
    with LiveBytes(known) as memory:
        with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
            loss = sum(model(**data, mode='loss').values())
        kept = memory.now
        loss.backward()
    return kept, memory.peak

# Copyright (c) mmavs developers. All rights reserved.
"""Read a tensor out of a pickle without letting the pickle run code.

A pickle names functions and calls them. The official log-mel features are tensors in plain pickles:
this reader knows the few names that a dense CPU tensor needs, puts functions of its own under them,
and refuses any other name.
"""

import collections
import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def load_tensor_pickle(path: str | Path) -> Tensor:
    """Read one pickled dense tensor or parameter, from any version of torch.

    Args:
        path (str | Path): File written with ``pickle.dump(tensor, file)``.

    Returns:
        Tensor: The tensor on the CPU, detached, without hooks.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no intact pickle, asks for anything but the parts of a tensor
            (which is then not run), or holds another kind of object.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'There is no pickle {path}.')
    content = Path(path).read_bytes()
    try:
        value = _TensorUnpickler(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise ValueError(f'{path} was not read: {error}') from error
    except (
        EOFError,
        OSError,
        RuntimeError,
        IndexError,
        KeyError,
        AttributeError,
        TypeError,
    ) as error:
        # What the unpickler raises on bytes that are cut off or are no pickle at all.
        raise ValueError(f'{path} is damaged or no pickle of a tensor: {error!r}') from error
    if not isinstance(value, Tensor):
        raise ValueError(f'{path} holds a {type(value).__name__}, expected a torch tensor.')
    return value


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that knows the parts of a dense tensor by name, and nothing else."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """The function that stands for ``module.name``.

        Raises:
            pickle.UnpicklingError: If a tensor does not need it.
        """
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f'it asks for "{module}.{name}", which a torch tensor does not need and which was '
                'not run. Only pickled dense torch tensors are read; do not trust where this file '
                'comes from, or compute the features from the WAV files instead (LoadClipAudio).'
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse what only ``torch.save`` writes.

        Raises:
            pickle.UnpicklingError: Always.
        """
        raise pickle.UnpicklingError(
            'it refers to storages outside the pickle, so torch.save wrote it. Read it with '
            'torch.load(path, weights_only=True) and save it with numpy.save.'
        )


def _load_storage(content: bytes) -> torch.TypedStorage:
    """Stands for ``torch.storage._load_from_bytes``, which would unpickle without restriction."""
    try:
        storage = torch.load(io.BytesIO(content), map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message advises weights_only=False, which is the very thing to avoid.
        name = re.search(r'GLOBAL (\S+)', str(error))
        what = f'for "{name[1]}", which was not run' if name else 'for more than numbers'
        raise pickle.UnpicklingError(f'its storage is a pickle that asks {what}.') from error
    if not isinstance(storage, torch.TypedStorage):
        raise pickle.UnpicklingError(
            f'a {type(storage).__name__} stands where a tensor has its storage.'
        )
    return storage


def _rebuild_tensor(
    storage: torch.TypedStorage, offset: int, size: tuple, stride: tuple, *ignored: Any
) -> Tensor:
    """Stands for ``torch._utils._rebuild_tensor[_v2]``, without gradient flag, hooks, metadata."""
    if not isinstance(storage, torch.TypedStorage):
        raise pickle.UnpicklingError(f'a tensor is to be built on a {type(storage).__name__}.')
    # ``set_`` would silently enlarge the storage by uninitialised memory.
    length = storage._untyped_storage.nbytes() // storage._element_size()
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (math.prod(size) and last >= length):
        raise pickle.UnpicklingError(
            f'size {tuple(size)}, stride {tuple(stride)} and offset {offset} do not fit into its '
            f'storage of {length} elements.'
        )
    return torch._utils._rebuild_tensor(storage, offset, tuple(size), tuple(stride))


def _rebuild_parameter(data: Tensor, *ignored: Any) -> Tensor:
    """Stands for ``torch._utils._rebuild_parameter``."""
    return data


def _encode(text: str, encoding: str) -> bytes:
    """Stands for ``_codecs.encode``, with which protocol 2 writes bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'it asks for the codec "{encoding}", expected latin1.')
    return text.encode('latin1')


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ('torch._utils', '_rebuild_tensor'): _rebuild_tensor,
    ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
    ('torch._utils', '_rebuild_parameter'): _rebuild_parameter,
    ('torch.storage', '_load_from_bytes'): _load_storage,
    ('torch', 'Size'): torch.Size,
    ('collections', 'OrderedDict'): collections.OrderedDict,
    ('_codecs', 'encode'): _encode,
}

# Copyright (c) mmavs developers. All rights reserved.
"""Load checkpoints without running code from them.

A checkpoint is a pickle, and an ordinary pickle can call any function while it loads. torch's
``weights_only=True`` admits only tensors and plain containers. mmengine tries that first, but falls
back to the unsafe way with a warning; mmavs does not. What a Runner checkpoint holds beside
tensors (the log history, small numpy arrays) is admitted by name, so resuming needs no exception.
"""

import functools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MMLogger
from mmengine.runner import CheckpointLoader
from safetensors import SafetensorError
from safetensors.torch import load_file

from .config_text import ConfigTextError, check_config_text

UNSAFE_ENV = 'MMAVS_UNSAFE_LOAD'
# torch's own switch: it turns every torch.load below it into a weights_only one.
_FORCE_SAFE_ENV = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
_CULPRIT = re.compile(
    r'(GLOBAL [\w.]+|Trying to call reduce[^\n]*|It asks for the attribute[^\n]*'
    r'|Can only (?:build|create)[^\n]*|Only persistent_load of storage[^\n]*)'
)


class UnsafeCheckpointError(RuntimeError):
    """A checkpoint holds something that only code can make, so it was not loaded."""


def runner_safe_globals() -> list[Any]:
    """What a checkpoint of mmengine's Runner needs beside tensors and plain containers.

    A pickled ``HistoryBuffer`` fetches its own methods with ``getattr``. mmengine therefore admits
    ``getattr``, through which a file reaches ``builtins.__dict__`` and can put any function there.
    Here a stand-in answers to that name that knows these methods and nothing else.

    Returns:
        list: Entries for ``torch.serialization.safe_globals``: rebuilding an array, a numpy
        scalar, a dtype and a log history; and a stand-in for the class by which old files of
        Lightning, as those of HTS-AT, name a callback.
    """
    core = np._core if hasattr(np, '_core') else np.core
    rebuild = (core.multiarray._reconstruct, core.multiarray.scalar)
    # numpy 1 and 2 write these two under different names, and each must read the other's.
    aliases = [
        _under_name(function, f'{package}.multiarray', function.__name__)
        for function in rebuild
        for package in ('numpy.core', 'numpy._core')
    ]
    kinds = ('bool', 'uint8', 'int32', 'int64', 'float16', 'float32', 'float64')
    dtypes = {type(np.dtype(kind)) for kind in kinds}
    return [
        *aliases,
        _under_name(_history_buffer_method, 'builtins', 'getattr'),
        np.ndarray,
        np.dtype,
        *dtypes,
        HistoryBuffer,
        _LightningCallback,
    ]


class _LightningCallback:
    """Does nothing: Lightning before 1.5 has this class as a key of what a callback kept."""


_LightningCallback.__module__ = 'pytorch_lightning.callbacks.model_checkpoint'
_LightningCallback.__name__ = _LightningCallback.__qualname__ = 'ModelCheckpoint'


def _under_name(function: Callable, module: str, name: str) -> Callable:
    """The same function, found by torch's unpickler under another name."""

    def named(*args: Any) -> Any:
        return function(*args)

    named.__module__, named.__name__, named.__qualname__ = module, name, name
    return named


def _history_buffer_method(owner: Any, name: str) -> Callable:
    if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
        return getattr(HistoryBuffer, name)
    raise UnpicklingError(f'It asks for the attribute {name!r} of {owner!r}.')


def unsafe_load_allowed() -> bool:
    """Whether the user has set ``MMAVS_UNSAFE_LOAD=1``."""
    return os.environ.get(UNSAFE_ENV, '0').lower() in ('1', 'true', 'yes')


def load_checkpoint_file(
    path: str | os.PathLike, map_location: Any = 'cpu', allow_unsafe: bool | None = None
) -> Any:
    """Load a checkpoint of tensors and plain values; refuse one that would run code.

    Args:
        path (str | os.PathLike): A file written by ``torch.save``, or a ``.safetensors``.
        map_location (Any): As in ``torch.load``. Defaults to ``'cpu'``.
        allow_unsafe (bool, optional): Load in the ordinary, unsafe way. Defaults to None: only if
            the environment variable ``MMAVS_UNSAFE_LOAD`` is 1.

    Returns:
        Any: What was saved, usually a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafeCheckpointError: If the file holds something that only code can make, or a config
            text that is more than plain values.
        ValueError: If the file is no checkpoint, or is damaged.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'There is no checkpoint at {path}.')
    if path.suffix == '.safetensors':
        return _load_safetensors(path, map_location)
    if unsafe_load_allowed() if allow_unsafe is None else allow_unsafe:
        MMLogger.get_current_instance().warning(f'Loading {path} may run code that is in it.')
        return torch.load(path, map_location=map_location, weights_only=False)
    try:
        with _safe_loading(path):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except UnsafeCheckpointError:
        raise
    except (EOFError, KeyError, IndexError, RuntimeError) as error:
        # What torch raises, according to where it stumbles, on a file of another kind.
        raise ValueError(
            f'{path} is not a checkpoint that torch can read, or it is damaged '
            f'({type(error).__name__}: {_first_line(error)}).'
        ) from error
    _check_config_texts(path, checkpoint)
    return checkpoint


def _load_safetensors(path: Path, map_location: Any) -> dict[str, torch.Tensor]:
    try:
        return load_file(path, device=str(map_location or 'cpu'))
    except SafetensorError as error:
        raise ValueError(f'{path} is no .safetensors file, or it is damaged: {error}.') from error


def install_safe_loading() -> None:
    """Make every loader of mmengine refuse checkpoints that would run code.

    Covers ``Runner`` (``load_from``, resume, test), ``init_cfg`` of type ``Pretrained``,
    ``load_checkpoint`` and the inferencers, for local files and for every URL scheme that is
    registered now. Called once when mmavs is imported; calling it again changes nothing.
    """
    for scheme, loader in list(CheckpointLoader._schemes.items()):
        if not hasattr(loader, 'mmavs_safe'):
            safe = load_from_local if scheme == '' else _make_safe(loader)
            safe.mmavs_safe = True
            CheckpointLoader.register_scheme(scheme, safe, force=True)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """The loader of local files that mmengine calls; see :func:`load_checkpoint_file`."""
    return load_checkpoint_file(filename, map_location)


def _make_safe(loader: Callable) -> Callable:
    """Wrap a loader of mmengine that downloads a file and then loads it in its own way."""

    @functools.wraps(loader)
    def safe_loader(filename: str, *args: Any, **kwargs: Any) -> Any:
        with _explained_download(filename):
            if unsafe_load_allowed():
                return loader(filename, *args, **kwargs)
            with _safe_loading(filename), _forced_weights_only():
                checkpoint = loader(filename, *args, **kwargs)
            _check_config_texts(filename, checkpoint)
            return checkpoint

    return safe_loader


@contextmanager
def _explained_download(source: str) -> Iterator[None]:
    try:
        yield
    except URLError as error:
        raise ConnectionError(
            f'{source} could not be downloaded ({error.reason}). Get the file where there is a '
            'network and name it instead of the URL, e.g. --cfg-options '
            'model.backbone.init_cfg.checkpoint=/path/to/file.pth; or train that part from nothing '
            'with model.backbone.init_cfg=None.'
        ) from error


@contextmanager
def _safe_loading(source: str | Path) -> Iterator[None]:
    """Admit what a Runner checkpoint holds, and say clearly why a file is not loaded."""
    try:
        if hasattr(torch.serialization, 'safe_globals'):  # torch >= 2.5
            with torch.serialization.safe_globals(runner_safe_globals()):
                yield
        else:
            yield
    except UnpicklingError as error:
        # Of torch's page of advice only the line that names the culprit, not how to admit it.
        culprit = _CULPRIT.search(str(error))
        if culprit is None:
            raise ValueError(
                f'{source} is not a checkpoint that torch can read, or it is damaged '
                f'({_first_line(error)}).'
            ) from error
        raise UnsafeCheckpointError(_refusal(source, culprit.group())) from error


@contextmanager
def _forced_weights_only() -> Iterator[None]:
    before = os.environ.get(_FORCE_SAFE_ENV)
    os.environ[_FORCE_SAFE_ENV] = '1'
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FORCE_SAFE_ENV]
        else:
            os.environ[_FORCE_SAFE_ENV] = before


def _check_config_texts(source: str | Path, checkpoint: Any) -> None:
    """Refuse a checkpoint whose config texts are more than plain values.

    ``Runner.resume`` executes ``meta['config']``, and the inferencers of mmengine the other two.
    """
    meta = _entry(checkpoint, 'meta')
    hub = _entry(_entry(checkpoint, 'message_hub'), 'runtime_info')
    for name, text in (
        ("meta['config']", _entry(meta, 'config')),
        ("meta['cfg']", _entry(meta, 'cfg')),
        ("message_hub['runtime_info']['cfg']", _entry(hub, 'cfg')),
    ):
        if not isinstance(text, str):
            continue
        try:
            check_config_text(text, may_import=name != "meta['config']")
        except ConfigTextError as error:
            raise UnsafeCheckpointError(
                f'{source} was not loaded: the config in its {name} could run code; {error}. If '
                f'you trust where it comes from, set {UNSAFE_ENV}=1.'
            ) from error


def _entry(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, dict) else None


def _first_line(error: Exception) -> str:
    """The message without torch's page of advice: its first sentence that is not about advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith('WeightsUnpickler error:')]
    return (said or lines or ['empty'])[0].removeprefix('WeightsUnpickler error:').strip()


def _refusal(source: str | Path, culprit: str) -> str:
    message = (
        f'{source} was not loaded: it holds more than tensors and plain values ({culprit}), and '
        f'loading it could run code that is in it. If you trust where it comes from, set '
        f'{UNSAFE_ENV}=1.'
    )
    if not hasattr(torch.serialization, 'safe_globals'):
        message += (
            f' torch {torch.__version__} refuses the log history in every checkpoint of a Runner, '
            'too; torch 2.5 and later load it.'
        )
    return message

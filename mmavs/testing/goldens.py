# Copyright (c) mmavs developers. All rights reserved.
"""Compare with what the official implementations gave, for weights and inputs that are decided by
names alone.

Two programs that agree on a parameter's name and shape get the same numbers on any machine, so a
numerical comparison needs no weight file. A golden is an ``.npz`` of outputs with a ``.json``
manifest of the official state-dict names and shapes; large arrays ``K`` are stored as
``K__sub = flat[::K__stride]``.

Where plain random weights would make a comparison blind (all queries of a decoder alike, say), the
manifest lists ``scales``, factors by the parameter's name, and the archive holds arrays
``override:<parameter>`` that stand in its place.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

GOLDEN_DIR = Path(__file__).resolve().parents[2] / 'tests' / 'data' / 'goldens'

OVERRIDE = 'override:'
"""str: What the key of an array that replaces a parameter begins with."""


def fill_array(name: str, shape: Sequence[int]) -> np.ndarray:
    """float32 values of one parameter or buffer, decided by its official name and shape."""
    shape = tuple(int(size) for size in shape)
    noise = (
        np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    )
    leaf = name.rsplit('.', 1)[-1]
    if leaf == 'running_var':
        return np.abs(noise) * 0.2 + 0.8
    if leaf == 'running_mean':
        return noise * 0.1
    if len(shape) >= 2:
        return noise / math.sqrt(max(math.prod(shape[1:]), 1))
    if leaf == 'weight':
        return noise * 0.1 + 1.0
    return np.asarray(noise * 0.1, dtype=np.float32)


def fill_inputs(
    name: str, shape: Sequence[int], low: float | None = None, high: float | None = None
) -> Tensor:
    """float32 input decided by a name: standard normal, or uniform in [low, high)."""
    rng = np.random.default_rng(zlib.crc32(f'input:{name}'.encode()))
    if low is None:
        return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))


def official_state_dict(entries: Sequence[Sequence[Any]]) -> dict[str, Tensor]:
    """A filled state dict under official names.

    Args:
        entries (Sequence): The manifest's list of [name, shape, dtype].

    Returns:
        dict[str, Tensor]: Floating tensors filled by name and shape, all others zero.
    """
    state_dict = {}
    for name, shape, dtype in entries:
        if dtype.startswith(('float', 'bfloat')):
            value = torch.from_numpy(np.atleast_1d(fill_array(name, shape))).reshape(shape)
        else:
            value = torch.zeros(shape, dtype=getattr(torch, dtype))
        state_dict[name] = value
    return state_dict


def golden_state_dict(
    arrays: Mapping[str, np.ndarray], manifest: Mapping[str, Any]
) -> dict[str, Tensor]:
    """The weights of one golden under official names: filled, scaled, overridden, in this order.

    Args:
        arrays (Mapping): What :func:`load_golden` gave.
        manifest (Mapping): Its ``state_dict`` and, if there, its ``scales``: pairs of a regular
            expression and the factor of every parameter that it is found in.

    Returns:
        dict[str, Tensor]: Of every entry of ``state_dict``.

    Raises:
        ValueError: If a parameter that is overridden is not in ``state_dict``, or has another shape
            there.
    """
    state_dict = official_state_dict(manifest['state_dict'])
    for pattern, factor in manifest.get('scales', ()):
        for name in filter(re.compile(pattern).search, state_dict):
            state_dict[name] *= factor
    for key in (key for key in arrays if key.startswith(OVERRIDE)):
        name, array = key.removeprefix(OVERRIDE), arrays[key]
        if name not in state_dict or state_dict[name].shape != array.shape:
            raise ValueError(
                f'"{key}" of shape {array.shape} overrides a parameter that the manifest does not '
                'list with this name and shape.'
            )
        state_dict[name] = torch.from_numpy(array)
    return state_dict


def load_golden(
    case: str, directory: str | Path = GOLDEN_DIR
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read one golden.

    Args:
        case (str): Name without suffix, e.g. ``'avsegformer_r50_s4'``.
        directory (str | Path): Folder of the goldens. Defaults to ``tests/data/goldens`` of this
            checkout.

    Returns:
        tuple: Arrays by key, and the manifest. An array that the manifest gives a ``flat_stride``
        above 1 comes as ``K__sub``, ``K__stride`` and ``K__shape``, as all thinned arrays do.

    Raises:
        FileNotFoundError: If the golden is not there.
    """
    path = Path(directory) / f'{case}.npz'
    if not path.is_file():
        raise FileNotFoundError(
            f'No golden at {path}. Goldens live in the source checkout, not in the wheel.'
        )
    with np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    manifest = load_manifest(case, directory)
    for key, entry in (manifest.get('arrays') or {}).items():
        if key in arrays and entry.get('flat_stride', 1) > 1:
            arrays[f'{key}__sub'] = arrays.pop(key)
            arrays[f'{key}__stride'] = np.asarray(entry['flat_stride'])
            arrays[f'{key}__shape'] = np.asarray(entry['shape'])
    return arrays, manifest


def load_manifest(case: str, directory: str | Path = GOLDEN_DIR) -> dict[str, Any]:
    """Read the manifest of one golden, whose arrays need not be there.

    Args:
        case (str): As for :func:`load_golden`.
        directory (str | Path): As for :func:`load_golden`.

    Returns:
        dict[str, Any]: With ``state_dict``, the list of official [name, shape, dtype].
    """
    return json.loads((Path(directory) / f'{case}.json').read_text())


def golden_error(arrays: Mapping[str, np.ndarray], key: str, value: Tensor) -> float:
    """The largest absolute difference of a tensor to a golden array, thinned arrays included.

    Args:
        arrays (Mapping): What :func:`load_golden` gave.
        key (str): Name of the array.
        value (Tensor): What mmavs gave, in the official shape.

    Returns:
        float: ``max |value - golden|``; infinite where the shapes differ.
    """
    ours = value.detach().cpu().double().numpy()
    if f'{key}__sub' in arrays:
        shape, stride = tuple(arrays[f'{key}__shape']), int(arrays[f'{key}__stride'])
        golden = arrays[f'{key}__sub']
    else:
        shape, stride, golden = arrays[key].shape, 1, arrays[key].reshape(-1)
    if ours.shape != tuple(shape):
        return math.inf
    return float(np.abs(ours.reshape(-1)[::stride] - golden).max())

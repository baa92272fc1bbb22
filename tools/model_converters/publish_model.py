# Copyright (c) mmavs developers. All rights reserved.
"""Make a small checkpoint to hand on: weights and what describes them, the hash in its name.

What only training needs goes (optimizer, schedulers, log history, the weights that an EMA
replaces). What stays: ``state_dict``, and of ``meta`` the config (so that no config file is needed
for inference), classes and colours, versions, epoch and iteration. Paths of this machine in the
config stay too: ``--no-config`` leaves it out.

Example:
    python tools/model_converters/publish_model.py work_dirs/run/epoch_24.pth published/model.pth
"""

import argparse
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmavs.utils.checkpoint import UnsafeCheckpointError, load_checkpoint_file
from mmavs.utils.cli import fail

TOOL = 'tools/model_converters/publish_model.py'
KEPT_META = ('cfg', 'dataset_meta', 'epoch', 'iter', 'seed', 'mmengine_version')
"""tuple[str]: What of ``meta`` is handed on, where it is there."""
HASH_LENGTH = 8
"""int: Digits of the SHA-256 in the name, as torch.hub and mim look for them."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog='The file is called OUT-<hash>.pth.'
    )
    parser.add_argument('in_file', type=Path, help='checkpoint of a training')
    parser.add_argument('out_file', type=Path, help='where to; folders are made')
    parser.add_argument('--no-config', action='store_true', help='leave the config out')
    return parser.parse_args(argv)


def slim(checkpoint: dict[str, Any], source: str, with_config: bool = True) -> dict[str, Any]:
    """What is handed on of a checkpoint.

    Args:
        checkpoint (dict): As it was loaded; a plain state dict will do.
        source (str): For the error.
        with_config (bool): Whether the config stays. Defaults to True.

    Returns:
        dict: ``state_dict`` and ``meta``. Tensors are on the CPU and hold no more than they show.

    Raises:
        ValueError: If there are no weights in it.
    """
    state = checkpoint.get('state_dict', checkpoint)
    weights = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    if not weights or len(weights) < len(state):
        raise ValueError(
            f'{source} holds no model: expected "state_dict" with tensors only, found the keys '
            f'{", ".join(map(str, list(checkpoint)[:8]))}.'
        )
    meta = checkpoint.get('meta') or {}
    kept = {key: meta[key] for key in KEPT_META if key in meta and (with_config or key != 'cfg')}
    # A view is stored with all of the memory that it looks at; a copy is not.
    copies = {key: value.detach().cpu().clone() for key, value in weights.items()}
    return dict(meta=kept, state_dict=copies)


def write(checkpoint: dict[str, Any], out_file: Path) -> Path:
    """Write a checkpoint under a name that ends with its hash.

    Args:
        checkpoint (dict): What :func:`slim` gave.
        out_file (Path): Name without the hash; ``.pth`` is added where it is missing.

    Returns:
        Path: The file.
    """
    buffer = io.BytesIO()  # torch.save writes the name of a file into it, and so into the hash
    torch.save(checkpoint, buffer)
    content = buffer.getvalue()
    stem = out_file.name.removesuffix('.pth')
    digest = hashlib.sha256(content).hexdigest()[:HASH_LENGTH]
    path = out_file.with_name(f'{stem}-{digest}.pth')
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part')
    part.write_bytes(content)
    os.replace(part, path)
    return path


def main(argv: list[str] | None = None) -> None:
    """Load, slim, write, and say what that saved."""
    args = parse_args(argv)
    try:
        checkpoint = load_checkpoint_file(str(args.in_file), map_location='cpu')
        path = write(slim(checkpoint, str(args.in_file), not args.no_config), args.out_file)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    before, after = (file.stat().st_size / 2**20 for file in (args.in_file, path))
    dropped = sorted(set(checkpoint) - {'state_dict', 'meta'}) if 'state_dict' in checkpoint else []
    print(
        f'{path}: {after:.1f} MiB of {before:.1f} MiB. Left out: {", ".join(dropped) or "nothing"}'
    )


if __name__ == '__main__':
    main()

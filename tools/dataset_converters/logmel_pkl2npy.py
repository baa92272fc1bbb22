# Copyright (c) mmavs developers. All rights reserved.
"""Convert the official log-mel features of AVSBench (.pkl) to .npy, which ``LoadClipLogMel`` reads.

Example:
    python tools/dataset_converters/logmel_pkl2npy.py Single-source/s4_data/audio_log_mel

A pickle can run code when it is read. The files are therefore read by an unpickler that admits only
what a torch tensor needs and refuses the rest by name (``mmavs.utils.tensor_pickle``). Files that
are already converted are skipped, so the command can be run again after an interruption.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
from mmengine.utils import track_parallel_progress, track_progress

from mmavs.utils.tensor_pickle import load_tensor_pickle


def parse_args(args: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Convert official log-mel pickles to .npy')
    parser.add_argument('root', type=Path, help='folder searched for .pkl files, or one .pkl file')
    parser.add_argument('--out-dir', type=Path, help='write the same tree here (default: beside)')
    parser.add_argument('--nproc', type=int, default=1, help='number of processes (default: 1)')
    parser.add_argument('--overwrite', action='store_true', help='convert existing .npy again')
    return parser.parse_args(args)


def convert_file(paths: tuple[Path, Path], overwrite: bool = False) -> str:
    """Convert one file.

    Args:
        paths (tuple[Path, Path]): The .pkl to read and the .npy to write.
        overwrite (bool): Whether to convert again what is there. Defaults to False.

    Returns:
        str: ``'converted'``, ``'skipped'``, or why the file was refused.
    """
    source, target = paths
    if target.is_file() and not overwrite:
        return 'skipped'
    try:
        logmel = load_tensor_pickle(source).numpy()
    except ValueError as error:
        return str(error)
    if logmel.ndim != 4 or logmel.shape[1:] != (1, 96, 64) or logmel.dtype != np.float32:
        return (
            f'{source} holds {logmel.dtype} {logmel.shape}, expected float32 (T, 1, 96, 64): '
            'the log-mel examples of T seconds.'
        )
    if not np.isfinite(logmel).all():
        return f'{source} holds NaN or infinite values.'
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written under another name first: an interrupted run must not leave half a file to skip.
    partial_path = target.with_name(f'.{target.name}.part')
    with open(partial_path, 'wb') as file:
        np.save(file, np.ascontiguousarray(logmel), allow_pickle=False)
    os.replace(partial_path, target)
    return 'converted'


def find_files(root: Path, out_dir: Path | None) -> list[tuple[Path, Path]]:
    """Pairs of .pkl and .npy paths.

    Raises:
        FileNotFoundError: If there is nothing to convert.
    """
    sources = [root] if root.is_file() else sorted(root.rglob('*.pkl'))
    if not sources:
        raise FileNotFoundError(
            f'There is no .pkl file in {root}. Expected the official audio_log_mel folder.'
        )
    base = root.parent if root.is_file() else root
    targets = (path.with_suffix('.npy') for path in sources)
    if out_dir is not None:
        targets = (out_dir / path.relative_to(base) for path in targets)
    return list(zip(sources, targets))


def main(args: list[str] | None = None) -> int:
    """Convert a tree.

    Returns:
        int: Exit status, 1 if a file was refused.
    """
    options = parse_args(args)
    files = find_files(options.root, options.out_dir)
    convert = partial(convert_file, overwrite=options.overwrite)
    if options.nproc > 1:
        outcomes = track_parallel_progress(convert, files, options.nproc, chunksize=16)
    else:
        outcomes = track_progress(convert, files)
    refused = [outcome for outcome in outcomes if outcome not in ('converted', 'skipped')]
    print(
        f'\n{outcomes.count("converted")} converted, {outcomes.count("skipped")} were there '
        f'already, {len(refused)} refused'
    )
    for reason in refused:
        print(f'refused: {reason}', file=sys.stderr)
    return int(bool(refused))


if __name__ == '__main__':
    sys.exit(main())

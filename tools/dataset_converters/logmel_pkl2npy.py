# Copyright (c) mmavs developers. All rights reserved.
"""Convert the official log-mel features of AVSBench (.pkl) to .npy, which ``LoadClipLogMel`` reads.

Example:
    python tools/dataset_converters/logmel_pkl2npy.py Single-source/s4_data/audio_log_mel

A pickle can run code when it is read. The files are therefore read by an unpickler that admits only
what a torch tensor needs and refuses the rest by name (``mmavs.utils.tensor_pickle``). Files that
are already converted are skipped, so the command can be run again after an interruption.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from mmavs.utils.file_conversion import (
    FileJob,
    add_conversion_arguments,
    convert_files,
    whole_file,
)
from mmavs.utils.tensor_pickle import load_tensor_pickle


def parse_args(args: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Convert official log-mel pickles to .npy')
    parser.add_argument('root', type=Path, help='folder searched for .pkl files, or one .pkl file')
    parser.add_argument('--out-dir', type=Path, help='write the same tree here (default: beside)')
    add_conversion_arguments(parser)
    return parser.parse_args(args)


def convert_file(job: FileJob) -> None:
    """Convert one file.

    Args:
        job (FileJob): The .pkl to read and the .npy to write.

    Raises:
        ValueError: If the .pkl holds anything but the log-mel examples of a clip.
    """
    logmel = load_tensor_pickle(job.source).numpy()
    if logmel.ndim != 4 or logmel.shape[1:] != (1, 96, 64) or logmel.dtype != np.float32:
        raise ValueError(
            f'{job.source} holds {logmel.dtype} {logmel.shape}, expected float32 (T, 1, 96, 64): '
            'the log-mel examples of T seconds.'
        )
    if not np.isfinite(logmel).all():
        raise ValueError(f'{job.source} holds NaN or infinite values.')
    with whole_file(job.target) as part:
        np.save(part, np.ascontiguousarray(logmel), allow_pickle=False)


def find_files(root: Path, out_dir: Path | None) -> list[FileJob]:
    """The .pkl files, and the .npy to write from each.

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
    return list(map(FileJob, sources, targets))


def main(args: list[str] | None = None) -> int:
    """Convert a tree.

    Returns:
        int: Exit status, 1 if a file was refused.
    """
    options = parse_args(args)
    files = find_files(options.root, options.out_dir)
    return convert_files(convert_file, files, options.nproc, options.overwrite)


if __name__ == '__main__':
    sys.exit(main())

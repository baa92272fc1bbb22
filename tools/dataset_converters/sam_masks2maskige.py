# Copyright (c) mmavs developers. All rights reserved.
"""Turn the masks of a segment-anything model into Maskiges, the second images of COMBO and VCT.

Example:
    python tools/dataset_converters/sam_masks2maskige.py sam_masks \
        --out-dir Single-source/s4_data_384/pre_SAM_mask_384 --size 384 384

Reads each ``<frame>_mask.npy`` of a folder tree: bool (K, h, w), the K masks of the picture
``<frame>``, in any order, saved with ``numpy.save``. K may be 0. Writes
``<frame>_mask_color.png`` at the same place of the tree: a palette picture, smaller masks above
larger ones, in the colours of ADE20K. mmavs does not run the segment-anything model; the official
Maskiges come from Semantic-SAM (Swin-L, level 3). Files that are already converted are skipped, so
the command can be run again after an interruption.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import mmcv
import numpy as np

from mmavs.datasets.maskige import index_map, save_maskige
from mmavs.utils.file_conversion import FileJob, add_conversion_arguments, convert_files
from mmavs.utils.maskige_names import maskige_file

SUFFIX = '_mask.npy'


def parse_args(args: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Convert stored masks to Maskiges')
    parser.add_argument('root', type=Path, help=f'folder searched for *{SUFFIX}')
    parser.add_argument('--out-dir', type=Path, help='write the same tree here (default: beside)')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='resize by nearest, e.g. to the size of the frames (default: as stored)',
    )
    add_conversion_arguments(parser)
    options = parser.parse_args(args)
    if options.size and min(options.size) < 1:
        parser.error(f'--size must be at least 1 1, got {options.size[0]} {options.size[1]}')
    return options


def convert_file(job: FileJob, size: tuple[int, int] | None = None) -> None:
    """Convert the masks of one frame.

    Args:
        job (FileJob): The .npy to read and the .png to write.
        size (tuple[int, int], optional): Width and height to write. Defaults to None: as stored.

    Raises:
        ValueError: If the .npy holds anything but the masks of a frame.
    """
    try:
        index = index_map(np.load(job.source, allow_pickle=False))
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise ValueError(f'{job.source} was not read: {error}') from error
    if size is not None:
        index = mmcv.imresize(index, size, interpolation='nearest', backend='pillow')
    save_maskige(job.target, index)


def find_files(root: Path, out_dir: Path | None) -> list[FileJob]:
    """The .npy files, and the .png to write from each.

    Raises:
        FileNotFoundError: If there is nothing to convert.
    """
    sources = sorted(root.rglob(f'*{SUFFIX}'))
    if not sources:
        raise FileNotFoundError(
            f'There is no file *{SUFFIX} in {root}. Expected bool (K, h, w) arrays, one a frame, '
            f'called <frame>{SUFFIX}.'
        )
    jobs = []
    for source in sources:
        frame = source.with_name(source.name.removesuffix(SUFFIX) + '.png')
        target = maskige_file(frame)
        if out_dir is not None:
            target = out_dir / target.relative_to(root)
        jobs.append(FileJob(source, target))
    return jobs


def main(args: list[str] | None = None) -> int:
    """Convert a tree.

    Returns:
        int: Exit status, 1 if a file was refused.
    """
    options = parse_args(args)
    files = find_files(options.root, options.out_dir)
    size = tuple(options.size) if options.size else None
    convert = partial(convert_file, size=size)
    return convert_files(convert, files, options.nproc, options.overwrite)


if __name__ == '__main__':
    sys.exit(main())

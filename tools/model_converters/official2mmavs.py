# Copyright (c) mmavs developers. All rights reserved.
"""Convert an official checkpoint to mmavs.

Example:
    python tools/model_converters/official2mmavs.py --method avsegformer S4_res50.pth s4_r50.pth
"""

import argparse
from collections import Counter
from pathlib import Path

import torch

from mmavs import __version__
from mmavs.converters import CONVERTERS, Conversion, unwrap_state_dict
from mmavs.utils.checkpoint import load_checkpoint_file


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Convert an official checkpoint to mmavs')
    parser.add_argument('src', type=Path, help='official checkpoint')
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    parser.add_argument('--method', required=True, choices=sorted(CONVERTERS))
    parser.add_argument('--force', action='store_true', help='overwrite DST if it exists')
    return parser.parse_args(argv)


def report(conversion: Conversion) -> str:
    """What was renamed and what was dropped, why, in a few lines."""
    lines = [f'{len(conversion.renamed)} tensors renamed, {len(conversion.dropped)} dropped']
    groups = Counter(
        ('.'.join(name.split('.')[:2]), reason) for name, reason in conversion.dropped.items()
    )
    lines += [f'  dropped {n:4d} {prefix}.*: {reason}' for (prefix, reason), n in groups.items()]
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> None:
    """Read, convert, write, report."""
    args = parse_args(argv)
    if args.dst.exists() and not args.force:
        raise FileExistsError(f'{args.dst} exists. Choose another name, or pass --force.')
    state_dict = unwrap_state_dict(load_checkpoint_file(args.src))
    conversion = CONVERTERS[args.method](state_dict)
    args.dst.parent.mkdir(parents=True, exist_ok=True)
    meta = dict(converted_from=args.src.name, method=args.method, mmavs_version=__version__)
    torch.save(dict(meta=meta, state_dict=conversion.state_dict), args.dst)
    print(f'{report(conversion)}\nWritten to {args.dst}')


if __name__ == '__main__':
    main()

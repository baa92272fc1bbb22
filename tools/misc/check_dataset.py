# Copyright (c) mmavs developers. All rights reserved.
"""The data doctor: read every clip of a config's data sets and say what is wrong with which file.

Exit code 1 where there are errors, 0 where there are none (warnings do not count), 2 where the
command line or the config cannot be used. docs/en/data_doctor.md lists the checks.

Example:
    python tools/misc/check_dataset.py configs/_base_/datasets/avsbench_s4_224x224.py
        --out work_dirs/s4_report.json
"""

import argparse
import os
import sys
from pathlib import Path

import mmengine
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from rich.console import Console

from mmavs.datasets.doctor import COUNTS, examine, print_report, to_json

MOST_WORKERS = 8
"""int: More processes seldom read faster from one disk."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=['train', 'val', 'test'],
        help='data loaders of the config; default: all that it has',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(MOST_WORKERS, os.cpu_count() or 1),
        help='processes, 0: none but this; default: one a core, at most %(default)s',
    )
    parser.add_argument('--out', type=Path, metavar='JSON', help='file for all findings')
    parser.add_argument(
        '--fast', action='store_true', help='headers only: no values, silence or duplicates'
    )
    parser.add_argument(
        '--counts',
        choices=COUNTS,
        default='auto',
        help='compare the number of clips with the published one (auto: with its own for SynthAVS)',
    )
    parser.add_argument('--info', action='store_true', help='show notes, which are no faults')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')
    args = parser.parse_args()
    if args.workers < 0:
        parser.error(f'--workers must be at least 0, got {args.workers}')
    if args.out is not None and args.out.suffix != '.json':
        parser.error(f'--out expects a file that ends with .json, got {args.out}')
    return args


def main() -> int:
    """Examine and report; 1 if there are errors, else 0."""
    args = parse_args()
    try:
        cfg = Config.fromfile(args.config)
        if args.cfg_options is not None:
            cfg.merge_from_dict(args.cfg_options)
        init_default_scope(cfg.get('default_scope', 'mmavs'))
        diagnosis = examine(
            cfg,
            loaders=args.splits,
            workers=args.workers,
            fast=args.fast,
            counts=args.counts,
            show_progress=Console().is_terminal,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f'check_dataset.py: {" ".join(str(error).split())}', file=sys.stderr)
        return 2
    print_report(diagnosis, infos=args.info)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        mmengine.dump(to_json(diagnosis, args.config), args.out, indent=1)
    return 1 if diagnosis.count('error') else 0


if __name__ == '__main__':
    sys.exit(main())

# Copyright (c) mmavs developers. All rights reserved.
"""What the tools share that draw a picture of each of some test clips."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import DictAction
from mmengine.device import get_device
from PIL import Image
from torch import nn

from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.progress import progress_bar
from mmavs.visualization import AVSLocalVisualizer

from .inference import init_model
from .named_clips import build_test_sets, find_clips


def add_picture_arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add what says which model draws which clips, where to, and how wide.

    Args:
        parser (ArgumentParser): Of the tool.
        kind (str): Folder of the pictures in ``work_dirs``.
    """
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out-dir', type=Path, help=f'default: work_dirs/{kind}/<config>')
    parser.add_argument('--num-clips', type=int, default=8, help='the first ones; 0: all')
    parser.add_argument(
        '--clip', action='append', metavar='NAME', help='this clip instead; may be given again'
    )
    parser.add_argument('--max-width', type=int, default=1600, help='of the pictures, in pixels')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')


def parse_picture_args(parser: argparse.ArgumentParser, kind: str) -> argparse.Namespace:
    """Read the command line, refuse numbers out of range, and fill in the folder."""
    args = parser.parse_args()
    if args.num_clips < 0 or args.max_width < 1:
        parser.error('--num-clips must be at least 0, --max-width at least 1')
    if args.out_dir is None:
        args.out_dir = Path('work_dirs', kind, Path(args.config).stem)
    return args


def draw_test_clips(
    tool: str,
    args: argparse.Namespace,
    visualizer: AVSLocalVisualizer,
    draw: Callable[[nn.Module, Any, dict[str, Any], argparse.Namespace], tuple[str, np.ndarray]],
    check: Callable[[nn.Module, str], None] | None = None,
) -> None:
    """Draw the clips that were asked for and write the pictures.

    Args:
        tool (str): Path of the tool, for errors.
        args (Namespace): Of :func:`parse_picture_args`.
        visualizer (AVSLocalVisualizer): Gets the metainfo of each clip's data set.
        draw (Callable): From model, visualizer, item and arguments to name and picture of a clip.
        check (Callable, optional): Refuses a model (and the name of its config) by a ValueError.
            Defaults to None.
    """
    try:
        device = args.device or get_device()
        model = init_model(args.config, args.checkpoint, device, args.cfg_options)
        if check is not None:
            check(model, args.config)
        places = find_clips(build_test_sets(model.cfg), args.clip, args.num_clips)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        with progress_bar() as bar:
            for number, data_set, index in bar.track(places, description='clips'):
                visualizer.dataset_meta = data_set.metainfo
                name, picture = draw(model, visualizer, data_set[index], args)
                # Numbers, since several data sets may have a clip of one name.
                file = f'{number:05d}_{name.replace("/", "_")}.png'
                Image.fromarray(picture).save(args.out_dir / file)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(tool, error)
    print(f'{len(places)} pictures: {args.out_dir}')

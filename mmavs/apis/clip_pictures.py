# Copyright (c) mmavs developers. All rights reserved.
"""What the tools that draw clips of the test data with a model share."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from PIL import Image
from torch import nn

from mmavs.datasets import BaseAVSDataset
from mmavs.datasets.doctor.sources import leaves
from mmavs.registry import DATASETS
from mmavs.structures import AVSDataSample, MaskOutputs
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.progress import progress_bar
from mmavs.visualization import AVSLocalVisualizer

from .inference import init_model


class ClipRun(NamedTuple):
    """What a model made of one clip.

    Attributes:
        sample (AVSDataSample): With the prediction.
        outputs (MaskOutputs): Of the head, a row a frame.
        padded_size (tuple[int, int]): Height and width of the padded input.
        frame_size (tuple[int, int]): Of the frames, at its top left.
    """

    sample: AVSDataSample
    outputs: MaskOutputs
    padded_size: tuple[int, int]
    frame_size: tuple[int, int]


def add_clip_arguments(parser: argparse.ArgumentParser, folder: str) -> None:
    """Add what says which clips are drawn, by what, and where to.

    Args:
        parser (ArgumentParser): Of the tool.
        folder (str): In ``work_dirs``, where pictures go by default.
    """
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out-dir', type=Path, help=f'default: work_dirs/{folder}/<config>')
    parser.add_argument('--num-clips', type=int, default=8, help='the first ones; 0: all')
    parser.add_argument(
        '--clip', action='append', metavar='NAME', help='this clip instead; may be given again'
    )
    parser.add_argument('--max-width', type=int, default=1600, help='of the pictures, in pixels')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')


def parse_clip_args(parser: argparse.ArgumentParser, folder: str) -> argparse.Namespace:
    """Read the command line, and end the program where a number is out of range.

    Args:
        parser (ArgumentParser): With what :func:`add_clip_arguments` added.
        folder (str): As there.
    """
    args = parser.parse_args()
    if args.num_clips < 0 or args.max_width < 1:
        parser.error('--num-clips must be at least 0, --max-width at least 1')
    if args.out_dir is None:
        args.out_dir = Path('work_dirs', folder, Path(args.config).stem)
    return args


def build_test_sets(cfg: Config) -> list[BaseAVSDataset]:
    """The test data sets of a config, those inside wrappers one by one.

    Raises:
        ValueError: If it has none.
    """
    if not cfg.get('test_dataloader'):
        raise ValueError(f'{cfg.filename} has no test_dataloader.')
    return [DATASETS.build(leaf) for leaf in leaves(cfg.test_dataloader['dataset'])]


def find_clips(
    data_sets: Sequence[BaseAVSDataset], names: Sequence[str] | None, num: int
) -> list[tuple[int, BaseAVSDataset, int]]:
    """Clips of these names, else the first ones.

    Args:
        data_sets (Sequence[BaseAVSDataset]): All of the test.
        names (Sequence[str], optional): ``clip_id`` of clips.
        num (int): How many if there are no names; 0 for all.

    Returns:
        list[tuple]: Number of the clip among all, its data set, and its index there.

    Raises:
        ValueError: If there is no clip of a name.
    """
    pairs = [(data_set, index) for data_set in data_sets for index in range(len(data_set))]
    places = [(number, *pair) for number, pair in enumerate(pairs)]
    if not names:
        return places[: num or None]
    ids = [data_set.get_data_info(index)['clip_id'] for data_set, index in pairs]
    missing = [name for name in names if name not in ids]
    if missing:
        raise ValueError(
            f'The test data have no clip {", ".join(missing)}. Their {len(ids)} clips are called '
            f'{", ".join(ids[:3])} and so on.'
        )
    return [place for place, clip_id in zip(places, ids) if clip_id in names]


@torch.no_grad()
def run_clip(model: nn.Module, item: dict[str, Any]) -> ClipRun:
    """Predict one clip as a test does, and keep what the head gave.

    Args:
        model (nn.Module): In eval mode.
        item (dict): From a data set.
    """
    kept: list[MaskOutputs] = []
    handle = model.decode_head.register_forward_hook(lambda *call: kept.append(call[-1]))
    data = model.data_preprocessor(pseudo_collate([item]), False)
    try:
        (sample,) = model(**data, mode='predict')
    finally:
        handle.remove()
    padded_size = tuple(data['inputs']['imgs'].shape[-2:])
    return ClipRun(sample, kept[0], padded_size, tuple(item['inputs']['imgs'].shape[-2:]))


def draw_clips(
    tool: str,
    args: argparse.Namespace,
    visualizer: AVSLocalVisualizer,
    prepare: Callable[[nn.Module], None],
    draw: Callable[[nn.Module, dict[str, Any]], tuple[str, np.ndarray]],
) -> None:
    """Draw the clips that the user wants and write a PNG of each, or end with an error.

    Args:
        tool (str): Path of the tool in the checkout.
        args (Namespace): From :func:`parse_clip_args`.
        visualizer (AVSLocalVisualizer): Gets the classes of each data set.
        prepare (Callable): Is given the model before anything is drawn; may refuse it.
        draw (Callable): The model and an item of a data set to the name of the clip and its
            picture.
    """
    try:
        device = args.device or get_device()
        model = init_model(args.config, args.checkpoint, device, args.cfg_options)
        prepare(model)
        places = find_clips(build_test_sets(model.cfg), args.clip, args.num_clips)
        with progress_bar() as bar:
            for number, data_set, index in bar.track(places, description='clips'):
                visualizer.dataset_meta = data_set.metainfo
                name, picture = draw(model, data_set[index])
                args.out_dir.mkdir(parents=True, exist_ok=True)
                # Numbers, since several data sets may have a clip of one name.
                file = f'{number:05d}_{name.replace("/", "_")}.png'
                Image.fromarray(picture).save(args.out_dir / file)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(tool, error)
    print(f'{len(places)} pictures: {args.out_dir}')

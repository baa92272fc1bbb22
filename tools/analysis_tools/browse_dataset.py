# Copyright (c) mmavs developers. All rights reserved.
"""Draw what the pipeline of a config gives: frames, masks, waveform and log-mel, a picture a clip.

Beside the pictures lies index.html, which shows them all.

Example:
    python tools/analysis_tools/browse_dataset.py configs/_base_/datasets/avss_224x224.py
        --out-dir work_dirs/browse --num 20 --mode both
"""

import argparse
import html
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcv.transforms import Compose
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from PIL import Image

import mmavs.models  # noqa: F401  registers the front end
from mmavs.datasets import BaseAVSDataset
from mmavs.datasets.doctor.sources import leaves
from mmavs.registry import DATASETS, MODELS
from mmavs.utils.progress import progress_bar
from mmavs.visualization import AVSItemVisualizer

MODES = ('pipeline', 'original', 'both')
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<style>img {{ max-width: 100%; border: 1px solid #ccc; margin: 4px 0 }}</style>
<h1>{title}</h1>
{pictures}
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--out-dir', type=Path, help='default: work_dirs/browse/<config>_<split>')
    parser.add_argument('--num', type=int, default=20, help='clips, the first ones; 0: all')
    parser.add_argument('--shuffle', action='store_true', help='clips drawn by --seed instead')
    parser.add_argument('--seed', type=int, default=0, help='of the clips and of augmentations')
    parser.add_argument(
        '--mode',
        choices=MODES,
        default='pipeline',
        help='what the pipeline gives, the files as they are on disk, or both',
    )
    parser.add_argument('--show', action='store_true', help='also open a window for each picture')
    parser.add_argument('--wait-time', type=float, default=0, help='seconds, 0: until a key')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')
    args = parser.parse_args()
    if args.num < 0 or args.seed < 0:
        parser.error('--num and --seed must be at least 0')
    if args.out_dir is None:
        args.out_dir = Path('work_dirs', 'browse', f'{Path(args.config).stem}_{args.split}')
    return args


def build_data_sets(cfg: Config, split: str, seed: int) -> list[BaseAVSDataset]:
    """The data sets of a split, those inside wrappers one by one, with draws by the seed."""
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'{cfg.filename} has no {split}_dataloader.')
    data_sets = [DATASETS.build(leaf) for leaf in leaves(loader['dataset'])]
    for number, data_set in enumerate(data_sets):
        data_set.set_epoch(seed, 0, number)
    return data_sets


def choose(lengths: Sequence[int], num: int, seed: int | None) -> list[tuple[int, int]]:
    """(data set, index) of so many clips.

    Args:
        lengths (Sequence[int]): Of the data sets.
        num (int): How many; 0 for all.
        seed (int | None): Of the draw; None takes the first.
    """
    places = [(number, index) for number, length in enumerate(lengths) for index in range(length)]
    if seed is not None:
        random.Random(seed).shuffle(places)
    return places[: num or None]


def original_item(data_set: BaseAVSDataset, index: int, item: Mapping[str, Any]) -> dict[str, Any]:
    """An item without its transforms: the loading and packing steps alone, for the same frames."""
    info = data_set.get_data_info(index)
    kept = item['data_samples'].metainfo.get('frame_indices', info['frame_indices'])
    places = [info['frame_indices'].index(frame) for frame in kept]
    for key in ('img_paths', 'mask_paths', 'maskige_paths', 'frame_indices'):
        if key in info:
            info[key] = [info[key][place] for place in places]
    steps = [
        step
        for step in data_set.pipeline.transforms
        if type(step).__name__.startswith(('Load', 'Pack'))
    ]
    return Compose(steps)(info)


def find_frontend(model: Any) -> dict[str, Any] | None:
    """The config of the front end that a model hears with; None where it has no LogMelFrontend."""
    if isinstance(model, (list, tuple)):
        found = (find_frontend(entry) for entry in model)
        return next((entry for entry in found if entry is not None), None)
    if not isinstance(model, Mapping):
        return None
    kind = str(model.get('type', '')).rpartition('.')[2]
    if kind == 'LogMelFrontend':
        return dict(model)
    if kind == 'VGGish' and 'frontend' not in model:
        return dict(type='LogMelFrontend')
    return find_frontend(list(model.values()))


def draw_all(
    data_sets: Sequence[BaseAVSDataset],
    places: Sequence[tuple[int, int]],
    frontend: dict[str, Any] | None,
    mode: str,
) -> Iterator[tuple[str, Any]]:
    """Name and picture of each clip."""
    built = None if frontend is None else MODELS.build(frontend)
    visualizer = AVSItemVisualizer(name='browse', frontend=built)
    for number, index in places:
        data_set = data_sets[number]
        visualizer.dataset_meta = data_set.metainfo
        item = data_set[index]
        if not isinstance(item, Mapping) or not {'inputs', 'data_samples'} <= set(item):
            raise ValueError(
                'The pipeline gives no packed item: its last step must be PackAVSInputs.'
            )
        original = None if mode == 'pipeline' else original_item(data_set, index, item)
        name = item['data_samples'].metainfo.get('clip_id', str(index))
        shown = None if mode == 'original' else item
        yield name, visualizer.draw_item(name, shown, original)


def main() -> None:
    """Draw and write."""
    args = parse_args()
    try:
        cfg = Config.fromfile(args.config)
        if args.cfg_options is not None:
            cfg.merge_from_dict(args.cfg_options)
        init_default_scope(cfg.get('default_scope', 'mmavs'))
        data_sets = build_data_sets(cfg, args.split, args.seed)
        seed = args.seed if args.shuffle else None
        places = choose([len(data_set) for data_set in data_sets], args.num, seed)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        files = []
        drawn = draw_all(data_sets, places, find_frontend(cfg.get('model')), args.mode)
        with progress_bar() as bar:
            for name, picture in bar.track(drawn, len(places), description='clips'):
                files.append(f'{len(files):05d}_{name.replace("/", "_")}.png')
                Image.fromarray(picture).save(args.out_dir / files[-1])
                if args.show:
                    AVSItemVisualizer(name='show').show(picture, name, wait_time=args.wait_time)
    except (OSError, ValueError) as error:
        raise SystemExit(f'browse_dataset.py: {" ".join(str(error).split())}') from error
    title = html.escape(f'{Path(args.config).stem}, {args.split}')
    pictures = '\n'.join(f'<img src="{html.escape(file)}" loading="lazy">' for file in files)
    (args.out_dir / 'index.html').write_text(PAGE.format(title=title, pictures=pictures))
    print(f'{len(files)} pictures: {args.out_dir / "index.html"}')


if __name__ == '__main__':
    main()

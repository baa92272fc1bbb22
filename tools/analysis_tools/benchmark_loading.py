# Copyright (c) mmavs developers. All rights reserved.
"""How fast clips are loaded: clips a second, the share of each step, and against plain Pillow code.

Without --data-root a synthetic S4 tree at 224x224 is written first. Its pictures compress otherwise
than photographs; --pictures photo puts noise with the spectrum of photographs in their place.

The straightforward version does what the official loaders do, one frame after another: Pillow
decodes, converts and resizes, torchaudio resamples, torch stacks. Both give the same item, which is
checked for every clip. They take turns, and the ratio is the median of those of all turns. It is
printed for pipelines of this kind (frames, masks, sound, one resize to a fixed size, packing).

Example:
    python tools/analysis_tools/benchmark_loading.py --clips 40 --workers 0 1 2
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
import torch
import torchaudio
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from PIL import Image
from torch.utils.data import DataLoader, Subset

from mmavs.datasets import BaseAVSDataset, ClipBroadcaster
from mmavs.registry import DATASETS
from mmavs.structures import IGNORE_INDEX
from mmavs.testing import SynthAVS
from mmavs.utils.audio_io import KAISER_BEST

CONFIGS = [f'configs/_base_/datasets/avsbench_s4_{size}x{size}.py' for size in (224, 512)]
STEPS = {
    'LoadClipFrames': 'decode frames',
    'LoadClipMasks': 'decode masks',
    'LoadClipAudio': 'read sound',
    'ClipBroadcaster': 'resize',
    'PackAVSInputs': 'pack',
}
"""dict: The steps of the pipelines that the straightforward version knows, by their transforms."""
Times = dict[str, list[float]]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('configs', nargs='*', default=CONFIGS, help='default: S4 at 224 and 512')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--clips', type=int, default=40, help='the first ones of the split')
    parser.add_argument('--repeat', type=int, default=7, help='turns, the median counts')
    parser.add_argument('--workers', type=int, nargs='*', default=[0, 1, 2])
    parser.add_argument('--loads', type=int, default=400, help='clips loaded for each of --workers')
    parser.add_argument('--data-root', help='default: a synthetic S4 tree in a temporary folder')
    parser.add_argument(
        '--pictures', choices=('synth', 'photo'), default='synth', help='of the synthetic tree'
    )
    args = parser.parse_args()
    if min(args.clips, args.repeat, args.loads) < 1:
        parser.error('--clips, --repeat and --loads must be at least 1')
    return args


@contextmanager
def data_root(args: argparse.Namespace) -> Iterator[str]:
    """The tree: the one that is given, or a synthetic one that is deleted at the end."""
    if args.data_root is not None:
        yield args.data_root
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, 'Single-source')
        SynthAVS(image_size=224).write_s4(root, {args.split: args.clips}, progress=True)
        if args.pictures == 'photo':
            for seed, path in enumerate(sorted(root.glob('s4_data/visual_frames/*/*/*/*.png'))):
                Image.fromarray(photo_like(seed, 224)).save(path)
        yield str(root)


def photo_like(seed: int, size: int) -> np.ndarray:
    """Noise whose amplitudes fall with the frequency as in photographs, and a little of the sensor.

    Args:
        seed (int): Of the noise.
        size (int): Height and width in pixels.

    Returns:
        np.ndarray: (size, size, 3) uint8.
    """
    rng = np.random.default_rng(seed)
    axis = np.fft.fftfreq(size)
    radius = np.hypot(axis[:, None], axis).clip(min=1 / size)
    spectrum = np.fft.fft2(rng.standard_normal((3, size, size))) / radius
    planes = np.fft.ifft2(spectrum).real
    planes = 0.7 * planes.mean(0) + 0.3 * planes  # colours of a place are alike
    picture = 128 + 50 * planes / planes.std() + rng.normal(0, 3, planes.shape)
    return picture.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


class PlainLoader:
    """The straightforward version of a pipeline that resizes all clips to one size.

    Args:
        size (tuple[int, int]): Width and height.
        sample_rate (int): In Hz.
    """

    def __init__(self, size: tuple[int, int], sample_rate: int) -> None:
        self.size = size
        self.sample_rate = sample_rate
        self.steps: dict[str, Callable[[dict[str, Any]], None]] = {
            'decode frames': self.decode_frames,
            'decode masks': self.decode_masks,
            'read sound': self.read_sound,
            'resize': self.resize,
            'pack': self.pack,
        }

    def decode_frames(self, clip: dict[str, Any]) -> None:
        """RGB pictures of Pillow."""
        clip['imgs'] = [Image.open(path).convert('RGB') for path in clip['img_paths']]

    def decode_masks(self, clip: dict[str, Any]) -> None:
        """Black-and-white masks; frames without one have a plane of 255."""
        clip['masks'] = []
        for path, img in zip(clip['mask_paths'], clip['imgs']):
            if path is None:
                clip['masks'].append(Image.new('L', img.size, IGNORE_INDEX))
            else:
                mask = np.array(Image.open(path).convert('L')) > 0
                clip['masks'].append(Image.fromarray(mask.astype(np.uint8)))

    def read_sound(self, clip: dict[str, Any]) -> None:
        """(1, S) float32, resampled."""
        waveform, rate = soundfile.read(clip['audio_path'], dtype='float32', always_2d=True)
        audio = torch.from_numpy(waveform.mean(1, keepdims=True).T.copy())
        if rate != self.sample_rate:
            audio = torchaudio.functional.resample(audio, rate, self.sample_rate, **KAISER_BEST)
        clip['audio'] = audio

    def resize(self, clip: dict[str, Any]) -> None:
        """Frames with antialiasing, masks by nearest neighbour."""
        bilinear, nearest = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
        clip['imgs'] = [img.resize(self.size, bilinear) for img in clip['imgs']]
        clip['masks'] = [mask.resize(self.size, nearest) for mask in clip['masks']]

    def pack(self, clip: dict[str, Any]) -> None:
        """Tensors (T, 3, H, W) uint8 and (T, H, W) int64."""
        planes = [torch.from_numpy(np.array(img)).permute(2, 0, 1) for img in clip['imgs']]
        clip['imgs'] = torch.stack(planes).contiguous()
        masks = [torch.from_numpy(np.array(mask)) for mask in clip['masks']]
        clip['masks'] = torch.stack(masks).long()

    def load(self, info: dict[str, Any], times: Times) -> dict[str, Any]:
        """Load one clip and note the seconds of each step."""
        clip = dict(info)
        for name, step in self.steps.items():
            start = time.perf_counter()
            step(clip)
            times[name].append(time.perf_counter() - start)
        return clip


def plain_loader(data_set: BaseAVSDataset) -> PlainLoader | None:
    """The straightforward version of a data set's pipeline, None where there is none."""
    steps = {type(step).__name__: step for step in data_set.pipeline.transforms}
    binary = 'num_classes' not in data_set.get_data_info(0)
    if list(steps) != list(STEPS) or len(steps) != len(data_set.pipeline.transforms) or not binary:
        return None
    inner = list(steps['ClipBroadcaster'].transforms)
    if len(inner) != 1 or type(inner[0]).__name__ not in ('Resize', 'PillowResize'):
        return None
    if inner[0].keep_ratio or inner[0].scale is None or inner[0].backend != 'pillow':
        return None
    return PlainLoader(tuple(inner[0].scale), steps['LoadClipAudio'].sample_rate)


def load(data_set: BaseAVSDataset, index: int, times: Times) -> dict[str, Any]:
    """Load one clip by the pipeline and note the seconds of each step."""
    results = data_set.get_data_info(index)
    for step in data_set.pipeline.transforms:
        start = time.perf_counter()
        results = step(results)
        times[step_name(step)].append(time.perf_counter() - start)
    return results


def step_name(step: Any) -> str:
    """What the table calls a transform."""
    name = type(step).__name__
    if isinstance(step, ClipBroadcaster):
        inner = ', '.join(type(entry).__name__ for entry in step.transforms)
        return f'{STEPS[name]} ({inner})' if 'Resize' in inner else f'{name} ({inner})'
    return STEPS.get(name, name)


def is_equal(item: dict[str, Any], clip: dict[str, Any]) -> bool:
    """Whether both versions give the same frames, masks and sound."""
    return (
        torch.equal(item['inputs']['imgs'], clip['imgs'])
        and torch.equal(item['data_samples'].gt_sem_seg.data, clip['masks'])
        and torch.equal(item['inputs']['audio'], clip['audio'])
    )


def compare(data_set: BaseAVSDataset, repeat: int) -> tuple[list[Times], list[Times]]:
    """Seconds of the steps of the pipeline, and of the straightforward version, of each turn.

    Raises:
        RuntimeError: If they do not give the same.
    """
    plain = plain_loader(data_set)
    ours, theirs = [], []
    for turn in range(repeat + 1):  # the first one fills the caches
        mine, other = defaultdict(list), defaultdict(list)
        for index in range(len(data_set)):
            item = load(data_set, index, mine)
            if plain is not None:
                clip = plain.load(data_set.get_data_info(index), other)
                if not turn and not is_equal(item, clip):
                    raise RuntimeError(f'Clip {index} of the two versions is not the same.')
        if turn:
            ours.append(mine)
            theirs.append(other)
    return ours, theirs


def print_steps(ours: Sequence[Times], theirs: Sequence[Times]) -> None:
    """A table: milliseconds of a clip, share, straightforward milliseconds, ratio of each step."""

    def totals(turns: Sequence[Times], names: Sequence[str]) -> np.ndarray:
        """(steps, turns): milliseconds of a clip."""
        return np.array([[1e3 * np.mean(turn[name]) for turn in turns] for name in names])

    names = list(ours[0])
    mine = totals(ours, names)
    other = totals(theirs, list(theirs[0])) if theirs[0] else None
    rows = [(name, mine[k], None if other is None else other[k]) for k, name in enumerate(names)]
    rows.append(('all', mine.sum(0), None if other is None else other.sum(0)))
    print(f'{"step":<32} {"ms a clip":>9} {"share":>6} {"plain ms":>9} {"ratio":>6}')
    for name, milliseconds, plain in rows:
        share = np.median(milliseconds / mine.sum(0))
        line = f'{name:<32} {np.median(milliseconds):9.2f} {100 * share:5.0f}%'
        if plain is not None:
            line += f' {np.median(plain):9.2f} {np.median(plain / milliseconds):6.2f}'
        print(line)


def clips_a_second(data_set: BaseAVSDataset, workers: int, loads: int) -> float:
    """Of a data loader with batches of one clip; starting its workers does not count."""
    order = [index % len(data_set) for index in range(loads + 1 + 2 * workers)]
    loader = DataLoader(
        Subset(data_set, order), num_workers=workers, collate_fn=pseudo_collate, batch_size=1
    )
    batches = iter(loader)
    for _ in range(1 + 2 * workers):  # what the workers load while the first is waited for
        next(batches)
    start = time.perf_counter()
    count = sum(1 for _ in batches)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Measure each config."""
    args = parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with data_root(args) as root:
        for path in args.configs:
            cfg = Config.fromfile(path)
            init_default_scope(cfg.get('default_scope', 'mmavs'))
            entry = cfg[f'{args.split}_dataloader'].dataset
            entry.update(data_root=root, indices=args.clips)
            data_set = DATASETS.build(entry)
            print(f'\n{path}, {args.split}: {len(data_set)} clips, median of {args.repeat} turns')
            ours, theirs = compare(data_set, args.repeat)
            print_steps(ours, theirs)
            for workers in args.workers:
                rate = clips_a_second(data_set, workers, args.loads)
                print(
                    f'{workers} workers: {rate:.1f} clips/s, {rate / max(workers, 1):.1f} a worker '
                    f'({os.cpu_count()} cores)'
                )


if __name__ == '__main__':
    main()

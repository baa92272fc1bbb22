# Copyright (c) mmavs developers. All rights reserved.
"""Writes synthetic clips as the S4 and MS3 sets of AVSBench lie on disk."""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from rich.progress import track

from mmavs.utils.audio_io import write_wav
from mmavs.utils.timing import FRAME_POSITION

from .audio_blind import BlindScore
from .clip import Soundtrack, SynthClip

if TYPE_CHECKING:
    from .synth_avs import SynthAVS

__all__ = ['MS3_LAYOUT', 'S4_LAYOUT', 'TreeLayout', 'frame_times', 'write_tree']

META_FILE, CLIPS_FILE = 'synth_meta.json', 'synth_clips.json'
DEFAULT_SPLITS = {'train': 64, 'val': 16, 'test': 16}
_SPLIT_NAMES = ('train', 'val', 'test')


@dataclass(frozen=True)
class TreeLayout:
    """Where the files of a subset lie.

    Args:
        subset (str): 's4' or 'ms3'.
        columns (tuple[str, ...]): Header of the csv.
        row (Callable): (clip id, category, split) to a row of the csv.
        folder (Callable): (split, category) to the folders between a modality and its clips.
        frame_folder (Callable): The same for frames.
        frame_name (str): Of a frame, with {id} and {k}, k counted from 1.
    """

    subset: str
    columns: tuple[str, ...]
    row: Callable[[str, str, str], tuple[Any, ...]]
    folder: Callable[[str, str], Path]
    frame_folder: Callable[[str, str], Path]
    frame_name: str


S4_LAYOUT = TreeLayout(
    's4',
    ('name', 'start', 'category', 'split'),
    lambda name, category, split: (name, 0, category, split),
    lambda split, category: Path(split, category),
    lambda split, category: Path(split, category),
    '{id}_{k}.png',
)
MS3_LAYOUT = TreeLayout(
    'ms3',
    ('video_id', 'split'),
    lambda name, category, split: (name, split),
    lambda split, category: Path(split),
    lambda split, category: Path(),
    '{id}.mp4_{k}.png',
)


def frame_times(seconds: float) -> np.ndarray:
    """Times of AVSBench's frames: the last of 16 samples of every second, t + 0.9375 s."""
    return np.arange(int(seconds)) + FRAME_POSITION


def write_tree(
    synth: 'SynthAVS',
    layout: TreeLayout,
    root: str | Path,
    splits: Mapping[str, int] | None,
    force: bool,
    progress: bool,
) -> dict[str, Any]:
    """Write all splits of a subset; see :meth:`SynthAVS.write_s4`."""
    root, splits = Path(root), dict(DEFAULT_SPLITS if splits is None else splits)
    _check_splits(splits)
    synth.process(layout.subset)  # Contradicting knobs are told before anything is written.
    meta = {
        'generator': 'mmavs.testing.SynthAVS, version 1',
        'subset': layout.subset,
        'complete': False,
        'knobs': synth.knobs(),
        'frame_seconds': frame_times(synth.clip_seconds).tolist(),
        'splits': {},
    }
    prepare_folder(root, force, meta)
    rows, clips = [], {}
    for split, count in splits.items():
        score = BlindScore()
        label = f'{layout.subset.upper()} {split}'
        for index in track(range(count), label, disable=not progress):
            name = f'{layout.subset}_{split}_{index:05d}'
            clip = synth.clip(layout.subset, split, index)
            category = clip.classes[int(clip.timeline.states[0].argmax())].name
            _write_clip(synth, layout, root, clip, name, split, category, score)
            rows.append(layout.row(name, category, split))
            clips[name] = {
                'classes': [entry.name for entry in clip.classes],
                'sounding': clip.timeline.states[: synth.clip_seconds].astype(int).tolist(),
            }
        meta['splits'][split] = score.summary() if count else {'clips': 0, 'frames': 0}
    with open(root / f'{layout.subset}_meta_data.csv', 'w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerows([layout.columns, *rows])
    _write_json(root / CLIPS_FILE, clips)
    meta['complete'] = True
    _write_json(root / META_FILE, meta)
    return meta


def prepare_folder(root: Path, force: bool, meta: Mapping[str, Any]) -> None:
    """Make an empty folder with a ``synth_meta.json``; never delete what SynthAVS did not write.

    Args:
        root (Path): The folder.
        force (bool): Whether an earlier output, known by its ``synth_meta.json``, may be deleted.
        meta (Mapping[str, Any]): What to write there, so that even an interrupted output is known.

    Raises:
        FileExistsError: If the folder is not empty and may not be emptied.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        if not (root / META_FILE).is_file():
            raise FileExistsError(
                f'{root} is not empty and holds no {META_FILE}, so SynthAVS did not write it and '
                'does not replace it; choose another folder'
            )
        if not force:
            raise FileExistsError(
                f'{root} already holds synthetic data; choose another folder, or pass force=True '
                '(--force) to delete it and write anew'
            )
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    _write_json(root / META_FILE, meta)


def _write_clip(
    synth: 'SynthAVS',
    layout: TreeLayout,
    root: Path,
    clip: SynthClip,
    name: str,
    split: str,
    category: str,
    score: BlindScore,
) -> None:
    """Write frames, masks and sound of one clip, and enter its scored frames."""
    data = root / f'{layout.subset}_data'
    frame_dir = data / 'visual_frames' / layout.frame_folder(split, category) / name
    mask_dir = data / 'gt_masks' / layout.folder(split, category) / name
    wav_dir = data / 'audio_wav' / layout.folder(split, category)
    for folder in (frame_dir, mask_dir, wav_dir):
        folder.mkdir(parents=True, exist_ok=True)
    first_only = layout.subset == 's4' and split == 'train'
    times = frame_times(synth.clip_seconds)
    scored = 1 if first_only else len(times)
    areas = []
    for position, time in enumerate(times):
        picture, owners = clip.scene.render(float(time))
        _save_png(frame_dir / layout.frame_name.format(id=name, k=position + 1), picture)
        if position < scored:
            truth = clip.truth(owners, clip.timeline.states[position])
            _save_png(mask_dir / f'{name}_{position + 1}.png', truth)
            areas.append(clip.areas(owners))
    score.add(np.stack(areas), clip.timeline.states[:scored], *clip.prior, owners.size)
    track = Soundtrack(clip, synth.sample_rate, synth.channels)
    sound = track.render(0, synth.clip_seconds * synth.sample_rate)
    write_wav(wav_dir / f'{name}.wav', sound, synth.sample_rate)


def _save_png(path: Path, pixels: np.ndarray) -> None:
    """Save (H, W, 3) or (H, W) uint8; a low level of compression, because it is written once."""
    Image.fromarray(pixels).save(path, compress_level=3)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + '\n')


def _check_splits(splits: Mapping[str, int]) -> None:
    for split, count in splits.items():
        if split not in _SPLIT_NAMES:
            raise ValueError(f'split {split!r} is unknown: AVSBench has {", ".join(_SPLIT_NAMES)}')
        if count < 0:
            raise ValueError(f'split {split!r} cannot have {count} clips')
    if not sum(splits.values()):
        raise ValueError(f'splits={dict(splits)} holds no clip at all')

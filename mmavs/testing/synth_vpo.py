# Copyright (c) mmavs developers. All rights reserved.
"""Writes synthetic pictures and sounds as VPO lies on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import track

from mmavs.datasets.vpo import COCO_IDS
from mmavs.utils.audio_io import write_wav
from mmavs.utils.timing import FRAME_POSITION

from .audio_blind import BlindScore
from .clip import Soundtrack, SynthClip
from .official_classes import VPO_OF
from .synth_files import (
    OBJECTS_FILE,
    finish_tree,
    plan_clips,
    save_jpeg,
    save_png,
    start_tree,
    write_csv,
    write_object_lists,
)

if TYPE_CHECKING:
    from .synth_avs import SynthAVS

__all__ = ['VPO_SECONDS', 'VPO_SETUPS', 'write_vpo_tree']

VPO_SETUPS = {'ss': 'VPO-SS', 'ms': 'VPO-MS', 'msmi': 'VPO-MSMI'}
VPO_SECONDS = 10
"""Length of the WAV files, as in VGGSound."""

_SPLIT_NAMES = {'train': 'train', 'test': 'val'}
_COLUMNS = ('cateName', 'cateId', 'img_Id', 'ann_Ids', 'vgg_file', 'split', 'audio_pos')
_FIRST_IMAGE = {
    (setup, split): 100_000 * (10 * (1 + major) + minor)
    for major, setup in enumerate(VPO_SETUPS)
    for minor, split in enumerate(_SPLIT_NAMES)
}


@dataclass(frozen=True)
class VPOImage:
    """A picture that was written.

    Args:
        clip_id (str): What the data set calls it.
        entry (dict[str, Any]): What ``synth_clips.json`` says of it.
        objects (tuple[list[str], list[str]]): Classes that are heard, and seen.
        rows (list[tuple]): Its rows of the csv, one a sounding instance, without multi_instance.
        score (BlindScore): Its ceiling.
    """

    clip_id: str
    entry: dict[str, Any]
    objects: tuple[list[str], list[str]]
    rows: list[tuple[Any, ...]]
    score: BlindScore


def write_vpo_tree(
    synth: 'SynthAVS',
    root: str | Path,
    splits: Mapping[str, int | Mapping[str, int]] | None,
    force: bool,
    progress: bool,
) -> dict[str, Any]:
    """Write all setups and splits of VPO; see :meth:`SynthAVS.write_vpo`."""
    root = Path(root)
    plan = plan_clips(splits, tuple(VPO_SETUPS), tuple(_SPLIT_NAMES), 'VPO')
    for setup in VPO_SETUPS:
        synth.process(setup)  # Contradicting knobs are told before anything is written.
    meta = start_tree(synth, root, force, 'vpo', ceiling_of='foreground mIoU', classes=VPO_OF)
    rows: dict[str, list[tuple[Any, ...]]] = {setup: [] for setup in VPO_SETUPS}
    clips, objects = {}, {}
    for split, counts in plan.items():
        images: dict[str, list[VPOImage]] = {}
        for setup, folder in VPO_SETUPS.items():
            indices = track(range(counts[setup]), f'{folder} {split}', disable=not progress)
            images[setup] = [_write_image(synth, root, setup, split, index) for index in indices]
            for image in images[setup]:
                clips[image.clip_id] = {'setup': setup, **image.entry}
                objects[image.clip_id] = image.objects
                rows[setup] += [(*row, 1) if setup == 'msmi' else row for row in image.rows]
        shared = images['ms'][: (len(images['msmi']) + 1) // 2]
        rows['msmi'] += [(*row, 0) for image in shared for row in image.rows]
        images['msmi'] = images['msmi'] + shared
        meta['splits'][split] = {'subsets': _ceilings(images)}
    for setup, folder in VPO_SETUPS.items():
        columns = (*_COLUMNS, 'multi_instance') if setup == 'msmi' else _COLUMNS
        path = root / 'VPO' / folder / f'vpo_{setup}_data_stereo.csv'
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(path, columns, rows[setup])
    write_object_lists(root / OBJECTS_FILE, objects, VPO_OF)
    return finish_tree(root, meta, clips)


def _ceilings(images: Mapping[str, list[VPOImage]]) -> dict[str, dict[str, float | int]]:
    """Summary of each setup."""
    scores = {setup: BlindScore() for setup in images}
    for setup, members in images.items():
        for image in members:
            scores[setup].extend(image.score)
    return {setup: score.summary_or_counts() for setup, score in scores.items()}


def _write_image(synth: 'SynthAVS', root: Path, setup: str, split: str, index: int) -> VPOImage:
    """Write a picture, its mask, and one WAV file for each object that sounds."""
    clip = synth.clip(setup, split, index, seconds=1, period=VPO_SECONDS)
    picture, owners = clip.frame(0)
    state = clip.timeline.states[0]
    image = _FIRST_IMAGE[setup, split] + index
    categories = [VPO_OF[entry.name] for entry in clip.classes]
    labels = clip.labels(owners, state, [COCO_IDS[name] for name in categories])
    rows = _write_sounds(synth, root, clip, f'{setup}_{split}_{index:05d}', image, split)
    folder = root / 'VPO' / VPO_SETUPS[setup]
    clip_id, name, mask_name = f'{image}', f'{image:012d}', f'{image:012d}'
    if setup == 'ss':
        category, _, _, annotation, *_ = rows[0]
        clip_id = f'{image}_{annotation}'
        name, mask_name = f'{category}/{name}', f'{category}/{name}_{annotation:012d}'
    save_jpeg(folder / 'data' / f'{name}.jpg', picture)
    save_png(folder / 'mask' / f'{mask_name}.png', labels)
    score = BlindScore()
    score.add(clip.areas(owners)[None], state[None], *clip.prior, owners.size)
    objects = (clip.heard_names(1), clip.seen_names())
    return VPOImage(clip_id, clip.describe(1), objects, rows, score)


def _write_sounds(
    synth: 'SynthAVS', root: Path, clip: SynthClip, stem: str, image: int, split: str
) -> list[tuple[Any, ...]]:
    """Write a mono WAV file for each object that sounds; give the rows of the csv.

    A voice off screen is in the file of the first object.
    """
    track, rows = Soundtrack(clip, synth.sample_rate, 1), []
    folder = root / 'vggsound_bench' / 'VGGSound' / 'audios'
    time = np.array([FRAME_POSITION])
    for index in np.flatnonzero(clip.timeline.states[0]).tolist():
        sound = track.render_alone(index, VPO_SECONDS * synth.sample_rate, with_offscreen=not rows)
        file = f'{stem}_{index}'
        write_wav(folder / f'{file}.wav', sound, synth.sample_rate)
        category = VPO_OF[clip.classes[index].name]
        position = round((float(clip.scene.pan(index, time)[0]) + 1) / 2, 4)
        annotation = 100 * image + index
        rows.append(
            (category, COCO_IDS[category], image, annotation, file, _SPLIT_NAMES[split], position)
        )
    return rows

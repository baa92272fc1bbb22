# Copyright (c) mmavs developers. All rights reserved.
"""Writes synthetic clips as AVSBench-semantic lies on disk."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import track

from mmavs.datasets.avss_classes import AVSS_CLASSES, voc_palette
from mmavs.utils.audio_io import write_wav

from .audio_blind import BlindScore
from .clip import Soundtrack, SynthClip
from .official_classes import AVSS_OF
from .synth_files import (
    OBJECTS_FILE,
    finish_tree,
    plan_clips,
    save_jpeg,
    save_png,
    start_tree,
    summarise,
    write_csv,
    write_object_lists,
)
from .synth_maskige import ExtraFiles, resized, write_maskige
from .synth_writer import SPLIT_NAMES

if TYPE_CHECKING:
    from .synth_avs import SynthAVS

__all__ = ['AVSS_SECONDS', 'write_avss_tree']

AVSS_SECONDS = {'v1s': 5, 'v1m': 5, 'v2': 10}
"""Length of a clip, and number of its frames, by subset."""

_SHARING_ORDER = ('v1s', 'v2', 'v1m')
_COLUMNS = ('vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label')
_PALETTE = np.asarray(voc_palette(len(AVSS_CLASSES)), dtype=np.uint8)


def write_avss_tree(
    synth: 'SynthAVS',
    root: str | Path,
    splits: Mapping[str, int | Mapping[str, int]] | None,
    extra: ExtraFiles,
    force: bool,
    progress: bool,
) -> dict[str, Any]:
    """Write all splits of AVSS; see :meth:`SynthAVS.write_avss`."""
    root = Path(root)
    plan = plan_clips(splits, _SHARING_ORDER, SPLIT_NAMES, 'AVSS')
    for subset in AVSS_SECONDS:
        synth.process(subset)  # Contradicting knobs are told before anything is written.
    meta = start_tree(synth, root, force, 'avss', ceiling_of='foreground mIoU', classes=AVSS_OF)
    rows, clips, objects = [], {}, {}
    for split, counts in plan.items():
        scores = {subset: BlindScore() for subset in AVSS_SECONDS}
        for subset, score in scores.items():
            label = f'AVSS {subset} {split}'
            for index in track(range(counts[subset]), label, disable=not progress):
                seconds = AVSS_SECONDS[subset]
                clip = synth.clip(subset, split, index, seconds=seconds)
                vid = f'{subset}-{split}-{index:05d}'
                uid = f'{vid}_0_{1000 * seconds}'
                _write_clip(synth, root, extra, clip, uid, split, subset, score)
                heard = [AVSS_OF[name] for name in clip.sounding_names(seconds)]
                rows.append((vid, uid, 0, 0, '_'.join(heard) or AVSS_CLASSES[0], split, subset))
                objects[uid] = (clip.heard_names(seconds), clip.seen_names())
                clips[uid] = {'subset': subset, **clip.describe(seconds)}
        meta['splits'][split] = summarise(scores)
    write_csv(root / 'metadata.csv', _COLUMNS, rows)
    write_object_lists(root / OBJECTS_FILE, objects, AVSS_OF)
    table = {name: index for index, name in enumerate(AVSS_CLASSES)}
    (root / 'label2idx.json').write_text(json.dumps(table, indent=1) + '\n')
    return finish_tree(root, meta, clips)


def _write_clip(
    synth: 'SynthAVS',
    root: Path,
    extra: ExtraFiles,
    clip: SynthClip,
    uid: str,
    split: str,
    subset: str,
    score: BlindScore,
) -> None:
    """Write the files of one clip, and enter its scored frames."""
    folder, seconds = root / subset / uid, AVSS_SECONDS[subset]
    maskiges = root / 'pre_SAM_mask' / 'AVSBench_semantic' / subset / uid
    class_ids = [AVSS_CLASSES.index(AVSS_OF[entry.name]) for entry in clip.classes]
    scored = 1 if (subset, split) == ('v1s', 'train') else seconds
    squashed = extra.vct_layout and split != 'train'
    frame_size, mask_size = extra.vct_sizes
    areas = []
    for position in range(seconds):
        picture, owners = clip.frame(position)
        save_jpeg(folder / 'frames' / f'{position}.jpg', picture)
        if extra.maskige or (extra.vct_layout and not squashed):
            write_maskige(maskiges / 'frames' / f'{position}.jpg', owners)
        if squashed:
            name = Path('processed_frames_384', f'{position}.jpg')
            save_jpeg(folder / name, resized(picture, frame_size))
            write_maskige(maskiges / name, owners, frame_size)
        if position < scored:
            labels = clip.labels(owners, clip.timeline.states[position], class_ids)
            name = f'{position}.png'
            save_png(folder / 'labels_semantic' / name, labels)
            save_png(folder / 'labels_rgb' / name, _PALETTE[labels])
            if squashed:
                small = resized(labels, mask_size)
                save_png(folder / 'processed_labels_semantic' / name, small)
            areas.append(clip.areas(owners))
    score.add(np.stack(areas), clip.timeline.states[:scored], *clip.prior, owners.size)
    sound = Soundtrack(clip, synth.sample_rate, synth.channels)
    write_wav(folder / 'audio.wav', sound.render(0, seconds * synth.sample_rate), synth.sample_rate)

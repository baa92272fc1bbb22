# Copyright (c) mmavs developers. All rights reserved.
"""Writes synthetic clips as the S4 and MS3 sets of AVSBench-object lie on disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import track

from mmavs.utils.audio_io import write_wav
from mmavs.utils.timing import FRAME_POSITION

from .audio_blind import BlindScore
from .clip import Soundtrack, SynthClip
from .synth_files import (
    OBJECTS_FILE,
    finish_tree,
    plan_clips,
    save_png,
    start_tree,
    write_csv,
    write_object_lists,
)
from .synth_maskige import ExtraFiles, resized, write_maskige

if TYPE_CHECKING:
    from .synth_avs import SynthAVS

__all__ = ['MS3_LAYOUT', 'S4_LAYOUT', 'SPLIT_NAMES', 'TreeLayout', 'frame_times', 'write_tree']

SPLIT_NAMES = ('train', 'val', 'test')


@dataclass(frozen=True)
class TreeLayout:
    """Where the files of a subset lie.

    Args:
        subset (str): 's4' or 'ms3'.
        columns (tuple[str, ...]): Header of the csv.
        row (Callable): (clip id, category, split) to a row of the csv.
        clip_id (Callable): (clip id, category) to what the data set calls the clip.
        folder (Callable): (split, category) to the folders between a modality and its clips.
        frame_folder (Callable): The same for frames.
        frame_name (str): Of a frame, with {id} and {k}, k counted from 1.
    """

    subset: str
    columns: tuple[str, ...]
    row: Callable[[str, str, str], tuple[Any, ...]]
    clip_id: Callable[[str, str], str]
    folder: Callable[[str, str], Path]
    frame_folder: Callable[[str, str], Path]
    frame_name: str


S4_LAYOUT = TreeLayout(
    's4',
    ('name', 'start', 'category', 'split'),
    lambda name, category, split: (name, 0, category, split),
    lambda name, category: f'{category}/{name}',
    lambda split, category: Path(split, category),
    lambda split, category: Path(split, category),
    '{id}_{k}.png',
)
MS3_LAYOUT = TreeLayout(
    'ms3',
    ('video_id', 'split'),
    lambda name, category, split: (name, split),
    lambda name, category: name,
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
    extra: ExtraFiles,
    force: bool,
    progress: bool,
) -> dict[str, Any]:
    """Write all splits of a subset; see :meth:`SynthAVS.write_s4`."""
    root, subset = Path(root), layout.subset
    plan = plan_clips(splits, (subset,), SPLIT_NAMES, 'AVSBench')
    synth.process(subset)  # Contradicting knobs are told before anything is written.
    seconds = frame_times(synth.clip_seconds).tolist()
    meta = start_tree(synth, root, force, subset, frame_seconds=seconds)
    rows, clips, objects = [], {}, {}
    for split, counts in plan.items():
        score = BlindScore()
        label = f'{subset.upper()} {split}'
        for index in track(range(counts[subset]), label, disable=not progress):
            name = f'{subset}_{split}_{index:05d}'
            clip = synth.clip(subset, split, index)
            category = clip.classes[int(clip.timeline.states[0].argmax())].name
            writer = ClipWriter(synth, layout, root, extra, name, split, category)
            writer.write(clip, score)
            rows.append(layout.row(name, category, split))
            clips[name] = clip.describe(synth.clip_seconds)
            names = (clip.heard_names(synth.clip_seconds), clip.seen_names())
            objects[layout.clip_id(name, category)] = names
        meta['splits'][split] = score.summary_or_counts()
    write_csv(root / f'{subset}_meta_data.csv', layout.columns, rows)
    write_object_lists(root / OBJECTS_FILE, objects)
    return finish_tree(root, meta, clips)


@dataclass(frozen=True)
class ClipWriter:
    """Writes the files of one clip.

    Args:
        synth (SynthAVS): The generator.
        layout (TreeLayout): Of the subset.
        root (Path): Of the tree.
        extra (ExtraFiles): What to write besides the official files.
        name (str): Of the clip.
        split (str): 'train', 'val' or 'test'.
        category (str): S4: class that sounds.
    """

    synth: 'SynthAVS'
    layout: TreeLayout
    root: Path
    extra: ExtraFiles
    name: str
    split: str
    category: str

    def write(self, clip: SynthClip, score: BlindScore) -> None:
        """Write frames, masks and sound, and enter the scored frames."""
        subset, seconds = self.layout.subset, self.synth.clip_seconds
        scored = 1 if subset == 's4' and self.split == 'train' else seconds
        areas = []
        for position in range(seconds):
            picture, owners = clip.frame(position)
            truth = None
            if position < scored:
                truth = clip.truth(owners, clip.timeline.states[position])
                areas.append(clip.areas(owners))
            self._write_frame(position + 1, picture, truth, owners)
            if self.extra.vct_layout:
                self._write_vct_frame(position + 1, picture, truth, owners)
        score.add(np.stack(areas), clip.timeline.states[:scored], *clip.prior, owners.size)
        track = Soundtrack(clip, self.synth.sample_rate, self.synth.channels)
        sound = track.render(0, seconds * self.synth.sample_rate)
        wav = self._path('{}_data', 'audio_wav', framed=False).with_name(f'{self.name}.wav')
        write_wav(wav, sound, self.synth.sample_rate)

    def _path(self, data: str, modality: str, framed: bool) -> Path:
        """Folder of the clip's files of a modality; ``framed`` where they lie as the frames do."""
        place = self.layout.frame_folder if framed else self.layout.folder
        folder = self.root / data.format(self.layout.subset) / modality
        return folder / place(self.split, self.category) / self.name

    def _write_frame(
        self, k: int, picture: np.ndarray, truth: np.ndarray | None, owners: np.ndarray
    ) -> None:
        name = self.layout.frame_name.format(id=self.name, k=k)
        save_png(self._path('{}_data', 'visual_frames', framed=True) / name, picture)
        if truth is not None:
            masks = self._path('{}_data', 'gt_masks', framed=False)
            save_png(masks / f'{self.name}_{k}.png', truth)
        if self.extra.maskige:
            write_maskige(self._path('{}_data', 'pre_SAM_mask', framed=True) / name, owners)

    def _write_vct_frame(
        self, k: int, picture: np.ndarray, truth: np.ndarray | None, owners: np.ndarray
    ) -> None:
        """Files of the 384 sets (vct.md, section 2): all squashed, test masks smaller."""
        frame_size, mask_size = self.extra.vct_sizes
        name, data = f'{self.name}_{k}.png', '{}_data_384'
        frames = self._path(data, 'visual_frames_384', framed=True)
        save_png(frames / name, resized(picture, frame_size))
        maskiges = self._path(data, 'pre_SAM_mask_384', framed=True)
        write_maskige(maskiges / name, owners, frame_size)
        if truth is not None:
            train = self.split == 'train'
            masks = self._path(data, 'gt_masks_384' if train else 'gt_masks_224', framed=False)
            save_png(masks / name, resized(truth, frame_size if train else mask_size))

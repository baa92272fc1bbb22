# Copyright (c) mmavs developers. All rights reserved.
"""What all benchmarks share: clips from a csv, choice of frames, condition of the audio."""

import csv
import random
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset

from mmavs.registry import TRANSFORMS
from mmavs.utils.maskige_names import maskige_file

from .audio_conditions import AudioCondition

BINARY_METAINFO = dict(classes=('background', 'sounding'), palette=[[0, 0, 0], [230, 60, 60]])
"""dict: Classes and RGB colours of the benchmarks without categories."""


class BaseAVSDataset(BaseDataset):
    """Clips of frames, masks and sound that a csv file lists; one item is one clip.

    A subclass says which columns it needs (``COLUMNS``) and turns a row into paths
    (:meth:`parse_data_info`). The paths of a row are not looked up here: a missing or broken file
    is an error of the transform that reads it, never another clip in its place.

    ``data_prefix`` has the keys ``img_path``, ``mask_path``, ``audio_path`` and ``logmel_path``;
    with ``maskige_path`` besides, items have the ``maskige_paths`` of a second image stream.

    Args:
        ann_file (str): The csv file, relative to ``data_root``.
        data_root (str): Root of the data.
        split (str | Sequence[str]): ``'train'``, ``'val'``, ``'test'``, or several of them.
        frames (str): ``'all'``, or ``'annotated'``: only frames with a mask. A network that does
            not mix frames has the same losses on both. Defaults to ``'all'``.
        audio_condition (str): What is heard, see :class:`AudioCondition`. Defaults to
            ``'original'``.
        condition_cfg (dict, optional): Further arguments of :class:`AudioCondition`, e.g.
            ``dict(seed=1)``. Defaults to None.
        pipeline (Sequence): Transforms. Defaults to ().
        **kwargs (Any): ``data_prefix``, ``indices``, ``test_mode``, ``metainfo`` and so on of
            :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ValueError: If an argument is unknown, or the csv lacks a column, names an unknown split or
            has too few clips.
        FileNotFoundError: If the data root, the csv or a folder of the layout is missing.
    """

    SPLITS = ('train', 'val', 'test')
    FRAMES = ('all', 'annotated')
    COLUMNS: tuple[str, ...] = ()
    AUDIO_KEYS: tuple[str, ...] = ('audio_path', 'logmel_path')
    """tuple[str]: What an item is heard from; a condition may give an item those of another."""
    PUBLISHED_COUNTS: dict[str, int] = {}
    """dict[str, int]: Clips that the benchmark has, for checks of a download."""

    def __init__(
        self,
        ann_file: str = '',
        data_root: str = '',
        split: str | Sequence[str] = 'train',
        frames: str = 'all',
        audio_condition: str = 'original',
        condition_cfg: dict | None = None,
        pipeline: Sequence[dict | Callable] = (),
        **kwargs: Any,
    ) -> None:
        self.splits = (split,) if isinstance(split, str) else tuple(split)
        for value in self.splits:
            check_choice('split', value, self.SPLITS)
        if not self.splits:
            raise ValueError(f'split is empty, expected one or more of {self.SPLITS}.')
        self.frames = check_choice('frames', frames, self.FRAMES)
        self.audio_condition = AudioCondition(audio_condition, **(condition_cfg or {}))
        # Built by our registry, so that a data set works without a default scope too.
        transforms = [
            TRANSFORMS.build(step) if isinstance(step, dict) else step for step in pipeline
        ]
        # Seed, epoch, number of the data set; shared, so that persistent workers see a new epoch.
        self._draw_state = torch.full((3,), -1, dtype=torch.int64).share_memory_()
        super().__init__(ann_file=ann_file, data_root=data_root, pipeline=transforms, **kwargs)

    @property
    def benchmark(self) -> str:
        """Whose the clips are, by which a stored map of sounds is told from those of others."""
        return type(self).__name__

    @abstractmethod
    def parse_data_info(self, raw_data_info: dict[str, str]) -> dict[str, Any]:
        """Turn a csv row into an item with all frames.

        Args:
            raw_data_info (dict[str, str]): Column -> value.

        Returns:
            dict: ``clip_id`` (str), ``img_paths`` (list of T str), ``mask_paths`` (list of T str,
            None for frames without a mask), ``audio_path`` (str), ``logmel_path`` (str or None),
            ``split``, and what the benchmark has besides (``category``).
        """

    def required_folders(self) -> list[str]:
        """Folders without which no clip can be read; looked up once, when the list is loaded."""
        return [str(self.data_prefix['img_path'])]

    def maskige_paths(self, frames: Sequence[Path]) -> dict[str, list[str]]:
        """Where the Maskiges of a clip lie, if ``data_prefix`` has ``maskige_path``.

        Args:
            frames (Sequence[Path]): The frames, relative to ``img_path``.

        Returns:
            dict: ``maskige_paths`` (list of T str), or nothing.
        """
        prefix = self.data_prefix.get('maskige_path')
        if prefix is None:
            return {}
        return dict(maskige_paths=[str(Path(prefix, maskige_file(frame))) for frame in frames])

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the csv.

        Returns:
            list[dict]: What :meth:`parse_data_info` gives, with ``frame_indices`` (positions of the
            chosen frames in the clip), ``num_clip_frames``, ``audio_condition`` and
            ``audio_clip_id`` (whose sound is heard).
        """
        self._check_layout()
        rows = self.read_rows()
        chosen = [row for row in rows if row['split'] in self.splits]
        splits = '+'.join(self.splits)
        if not chosen:
            counts = dict(Counter(row['split'] for row in rows))
            raise ValueError(f'{self.ann_file} lists no clip of split {splits}; it has {counts}.')
        data_list = self.parse_rows(chosen)
        if not data_list:
            raise ValueError(
                f'{self.ann_file} lists {len(chosen)} clips of split {splits}, but none of them is '
                'left by the arguments that choose among them (subsets, partition).'
            )
        owner = dict(dataset=self.benchmark, split='+'.join(sorted(self.splits)))
        source = f'split {splits} of {self.ann_file}'
        self.audio_condition.apply(data_list, self.AUDIO_KEYS, source, owner)
        for info in data_list:
            self._choose_frames(info)
        return data_list

    def read_rows(self) -> list[dict[str, str]]:
        """The rows of the csv, of all splits."""
        return read_csv_rows(self.ann_file, self.COLUMNS, self.SPLITS)

    def parse_rows(self, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        """Turn the rows of the chosen splits into items; here one a row.

        A benchmark with several rows an item, or that leaves some out, overrides this.
        """
        return [self.parse_data_info(row) for row in rows]

    def set_epoch(self, seed: int, epoch: int, number: int = 0) -> None:
        """Make what the transforms draw for an item depend on these numbers and its index alone.

        So the draws are the same with any number of workers, persistent or not, and in a resumed
        run. It reaches workers that run already. Until it is called, transforms draw from the
        generators as they are. It has no effect in ``test_mode``.

        Args:
            seed (int): Of the run, at least 0.
            epoch (int): At least 0.
            number (int): Of this data set among several that are trained on together.
                Defaults to 0.
        """
        if min(seed, epoch, number) < 0:
            raise ValueError(
                f'seed, epoch and number must be at least 0, got {seed}, {epoch} and {number}.'
            )
        if not self._draw_state.is_shared():  # a deep copy's is not
            self._draw_state.share_memory_()
        self._draw_state.copy_(torch.tensor([seed, epoch, number]))

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """Run the pipeline on one clip, with the draws of the epoch (see :meth:`set_epoch`).

        Raises:
            ValueError: If a transform returns None. (mmengine would take another clip instead, and
                a data set with broken files would pass unnoticed.)
        """
        state = self._draw_state.tolist()
        if self.test_mode or state[0] < 0:
            data = super().prepare_data(idx)
        else:
            with seeded_draws(*state, idx % len(self)):
                data = super().prepare_data(idx)
        if data is None:
            clip_id = self.get_data_info(idx)['clip_id']
            raise ValueError(
                f'The pipeline returned None for clip {clip_id}. A transform must return the '
                'results or raise an error.'
            )
        return data

    def _check_layout(self) -> None:
        if not Path(self.data_root).is_dir():
            raise FileNotFoundError(
                f'data_root "{self.data_root}" of {type(self).__name__} is not a folder. Set '
                'data_root in the config, or on the command line with --cfg-options.'
            )
        if not Path(self.ann_file).is_file():
            raise FileNotFoundError(
                f'There is no csv file "{self.ann_file}". Set ann_file relative to data_root '
                f'"{self.data_root}".'
            )
        for folder in self.required_folders():
            if not Path(folder).is_dir():
                raise FileNotFoundError(
                    f'There is no folder "{folder}", which the layout of {type(self).__name__} '
                    f'has. data_root "{self.data_root}" or data_prefix does not fit the data.'
                )

    def _choose_frames(self, info: dict[str, Any]) -> None:
        total = len(info['img_paths'])
        chosen = list(range(total))
        if self.frames == 'annotated':
            chosen = [index for index in chosen if info['mask_paths'][index] is not None]
        for key in ('img_paths', 'mask_paths', 'maskige_paths'):
            if key in info:
                info[key] = [info[key][index] for index in chosen]
        info['frame_indices'] = chosen
        info['num_clip_frames'] = total


@contextmanager
def seeded_draws(*entropy: int) -> Iterator[None]:
    """Seed ``random``, numpy and torch's CPU generator, and give them back as they were.

    Args:
        *entropy (int): Numbers from which the seeds are made, at least 0.
    """
    words = np.random.SeedSequence(entropy).generate_state(8)
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(words.tobytes())
    np.random.seed(words)
    torch.default_generator.manual_seed(int(words[:2].view(np.uint64)[0]))
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def read_csv_rows(path: str, columns: Sequence[str], splits: Sequence[str]) -> list[dict[str, str]]:
    """Read a csv file with a header by the names of its columns.

    Args:
        path (str): The file, UTF-8.
        columns (Sequence[str]): Columns that must be there; ``split`` among them.
        splits (Sequence[str]): Values that ``split`` may have.

    Returns:
        list[dict[str, str]]: One dict a row.

    Raises:
        ValueError: If a column is missing, a row is cut off, or a split is unknown; names the line.
    """
    with open(path, newline='', encoding='utf-8-sig') as file:
        reader = csv.DictReader(file)
        header = reader.fieldnames or []
        missing = [column for column in columns if column not in header]
        if missing:
            raise ValueError(f'{path} has the columns {list(header)}, but lacks {missing}.')
        rows = []
        for row in reader:
            for column in columns:
                if not row[column]:
                    raise ValueError(f'{path}, line {reader.line_num}: no value for "{column}".')
            if row['split'] not in splits:
                raise ValueError(
                    f'{path}, line {reader.line_num}: unknown split "{row["split"]}", expected one '
                    f'of {tuple(splits)}.'
                )
            rows.append(row)
    return rows


def check_choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """The value itself, if it is allowed.

    Raises:
        ValueError: If it is not.
    """
    if value not in allowed:
        raise ValueError(f'{name} is {value!r}, expected one of {tuple(allowed)}.')
    return value

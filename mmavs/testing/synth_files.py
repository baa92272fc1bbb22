# Copyright (c) mmavs developers. All rights reserved.
"""What all synthetic trees share: their folder, their description, and how files are saved."""

import csv
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .audio_blind import BlindScore

if TYPE_CHECKING:
    from .synth_avs import SynthAVS

__all__ = [
    'CLIPS_FILE',
    'DEFAULT_SPLITS',
    'META_FILE',
    'OBJECTS_FILE',
    'finish_tree',
    'plan_clips',
    'prepare_folder',
    'save_jpeg',
    'save_png',
    'start_tree',
    'summarise',
    'write_csv',
    'write_object_lists',
]

META_FILE, CLIPS_FILE, OBJECTS_FILE = 'synth_meta.json', 'synth_clips.json', 'objects.csv'
DEFAULT_SPLITS = {'train': 64, 'val': 16, 'test': 16}
_JPEG_QUALITY = 95
_OWN_ENTRIES = {
    *(META_FILE, CLIPS_FILE, OBJECTS_FILE),
    *('s4_meta_data.csv', 's4_data', 's4_data_384', 'ms3_meta_data.csv', 'ms3_data'),
    *('ms3_data_384', 'metadata.csv', 'label2idx.json', 'v1s', 'v1m', 'v2', 'pre_SAM_mask'),
    *('VPO', 'vggsound_bench'),
}


def start_tree(
    synth: 'SynthAVS', root: Path, force: bool, subset: str, **facts: Any
) -> dict[str, Any]:
    """Make the folder of a tree and the description that is written there when it is complete.

    Args:
        synth (SynthAVS): The generator.
        root (Path): Folder of the tree.
        force (bool): See :func:`prepare_folder`.
        subset (str): What the tree holds.
        **facts (Any): Further entries of the description.

    Returns:
        dict[str, Any]: What ``synth_meta.json`` holds; ``splits`` is to be filled.
    """
    meta = {
        'generator': 'mmavs.testing.SynthAVS, version 1',
        'subset': subset,
        'complete': False,
        'knobs': synth.knobs(),
        **facts,
        'splits': {},
    }
    prepare_folder(root, force, meta)
    return meta


def finish_tree(root: Path, meta: dict[str, Any], clips: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``synth_clips.json`` and the description, which says from now on that all is there."""
    _write_json(root / CLIPS_FILE, clips)
    meta['complete'] = True
    _write_json(root / META_FILE, meta)
    return meta


def is_own(name: str) -> bool:
    """Whether SynthAVS writes something of this name right into the folder of a tree."""
    return name in _OWN_ENTRIES or name.startswith('clip_')


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
        strangers = sorted(entry.name for entry in root.iterdir() if not is_own(entry.name))
        if strangers:
            raise FileExistsError(
                f'{root} holds {strangers[0]}, which SynthAVS did not write, so it is not '
                'replaced; choose another folder'
            )
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    _write_json(root / META_FILE, meta)


def plan_clips(
    splits: Mapping[str, int | Mapping[str, int]] | None,
    parts: Sequence[str],
    split_names: Sequence[str],
    benchmark: str,
) -> dict[str, dict[str, int]]:
    """Say how many clips of which part each split gets.

    A number is shared among the parts as evenly as can be; what is left over goes to the first of
    ``parts``.

    Args:
        splits (Mapping[str, int | Mapping[str, int]], optional): For each split a number, or a
            number for each part. Defaults to 64 train, 16 val and 16 test, as far as there are such
            splits.
        parts (Sequence[str]): Parts of the benchmark.
        split_names (Sequence[str]): Its splits.
        benchmark (str): Its name, for messages.

    Returns:
        dict[str, dict[str, int]]: Split to part to number of clips.

    Raises:
        ValueError: If a split or part is unknown, a number negative, or all are zero.
    """
    if splits is None:
        splits = {name: count for name, count in DEFAULT_SPLITS.items() if name in split_names}
    plan = {}
    for split, wanted in splits.items():
        if split not in split_names:
            raise ValueError(
                f'split {split!r} is unknown: {benchmark} has {", ".join(split_names)}'
            )
        if isinstance(wanted, int):
            wanted = {
                part: (wanted + len(parts) - 1 - rank) // len(parts)
                for rank, part in enumerate(parts)
            }
        for part, count in wanted.items():
            if part not in parts:
                raise ValueError(
                    f'{part!r} of split {split!r} is unknown: {benchmark} has {", ".join(parts)}'
                )
            if count < 0:
                raise ValueError(f'split {split!r} cannot have {count} clips')
        plan[split] = {part: wanted.get(part, 0) for part in parts}
    if not sum(sum(counts.values()) for counts in plan.values()):
        raise ValueError(f'splits={dict(splits)} holds no clip at all')
    return plan


def summarise(scores: Mapping[str, BlindScore]) -> dict[str, Any]:
    """Ceilings of a split: of all its clips, and under ``subsets`` of each part."""
    total = BlindScore()
    for score in scores.values():
        total.extend(score)
    return {
        **total.summary_or_counts(),
        'subsets': {name: score.summary_or_counts() for name, score in scores.items()},
    }


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a csv file with a header."""
    with open(path, 'w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows([columns, *rows])


def write_object_lists(
    path: Path,
    objects: Mapping[str, tuple[list[str], list[str]]],
    official: Mapping[str, str] | None = None,
) -> None:
    """Write ``objects.csv``: for every clip the classes that are heard, and those seen.

    The official lists name what sounds and is seen; this one knows of silent objects and of voices
    off screen too. Names are joined by ``|``.

    Args:
        path (Path): The file.
        objects (Mapping): The data set's ``clip_id`` to synthetic classes heard, and seen.
        official (Mapping[str, str], optional): Names to write instead.
    """

    def cell(names: list[str]) -> str:
        return '|'.join(official[name] if official else name for name in names)

    rows = [(clip_id, cell(heard), cell(seen)) for clip_id, (heard, seen) in objects.items()]
    write_csv(path, ('uid', 'a_obj', 'v_obj'), rows)


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Save (H, W, 3) or (H, W) uint8; a low level of compression, because it is written once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=3)


def save_jpeg(path: Path, pixels: np.ndarray) -> None:
    """Save (H, W, 3) uint8 RGB in high quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=_JPEG_QUALITY, subsampling=0)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + '\n')

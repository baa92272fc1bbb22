# Copyright (c) mmavs developers. All rights reserved.
"""Checks of the list of clips and of the classes: what the csv says, before any clip is read."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..avss_classes import AVSS_CLASSES
from .findings import Finding, describe
from .sources import Source

describe('clip_count', 'error', 'a split that has more or fewer clips than the benchmark')
describe('duplicate_id', 'error', 'clips of one csv that have one name')
describe('class_list', 'error', 'a class file with missing, wrong or misplaced names')

COUNTS = ('auto', 'published', 'off')
"""tuple[str]: What the numbers of clips are compared with, see :func:`count_clips`."""
SYNTH_META = 'synth_meta.json'
"""str: Lies in the root of every tree that SynthAVS wrote, and says how many clips it has."""


def count_clips(source: Source, counts: str) -> Iterator[Finding]:
    """Compare the number of clips of each split with what it should be.

    Args:
        source (Source): The data set; all splits of its csv are counted.
        counts (str): ``'auto'``: a tree that SynthAVS wrote is compared with what its
            ``synth_meta.json`` says, any other with the published numbers. ``'published'``: all are
            compared with these. ``'off'``: none is.
    """
    if counts == 'off':
        return
    synth = None if counts == 'published' else _synth_meta(source)
    if synth is not None:
        origin, wanted = str(synth), _synth_counts(synth, source)
    else:
        origin, wanted = 'the published number', _published_counts(source)
    if not wanted:
        return
    if not source.is_complete:
        yield Finding(
            'clip_count',
            source.ann_file,
            'not all splits and subsets can be listed',
            f'{wanted} ({origin})',
            'To have the clips counted, unpack the other splits and subsets.',
            severity='info',
        )
        return
    found = Counter(task.split for task in source.listed)
    found['total'] = len(source.listed)
    unverified = getattr(source.dataset, 'UNVERIFIED_COUNTS', ()) if synth is None else ()
    for split, number in wanted.items():
        if found[split] != number:
            yield Finding(
                'clip_count',
                source.ann_file,
                f'{found[split]} clips ({split})',
                f'{number} clips, {origin}' + (' (not verified)' if split in unverified else ''),
                'Download the rest, or say --counts off for a tree that is meant to be another.',
                split=split,
                severity='info' if split in unverified else 'error',
            )


def _synth_meta(source: Source) -> Path | None:
    folders = (Path(source.dataset.data_root), Path(source.ann_file).parent)
    return next(
        (folder / SYNTH_META for folder in folders if (folder / SYNTH_META).is_file()), None
    )


def _synth_counts(path: Path, source: Source) -> dict[str, int]:
    """Split -> clips, as SynthAVS noted them; nothing if it did not finish."""
    try:
        splits = json.loads(path.read_text())['splits']
    except (ValueError, KeyError):
        return {}
    setup = getattr(source.dataset, 'setup', None)
    counts = {}
    for split, entry in splits.items():
        entry = entry.get('subsets', {}).get(setup, {}) if setup else entry
        if isinstance(entry.get('clips'), int):
            counts[split] = entry['clips']
    return counts


def _published_counts(source: Source) -> dict[str, int]:
    """Split, or 'total' -> clips; of several setups those of this data set."""
    published: Mapping[str, Any] = source.dataset.PUBLISHED_COUNTS
    if any(isinstance(entry, Mapping) for entry in published.values()):
        published = published.get(source.dataset.setup, {})
    return dict(published)


def duplicate_ids(source: Source) -> Iterator[Finding]:
    """Clips that the csv lists more than once, in one split or in several."""
    places: dict[str, list[str]] = {}
    for task in source.listed:
        places.setdefault(task.clip_id, []).append(task.split)
    for clip_id, splits in places.items():
        if len(splits) > 1:
            found = f'{clip_id} is listed {len(splits)} times ({", ".join(splits)})'
            remedy = 'Delete the rows that are too many; a clip belongs to one split.'
            yield Finding(
                'duplicate_id', source.ann_file, found, 'one row', remedy, clip_id, splits[-1]
            )


def class_list(source: Source) -> Iterator[Finding]:
    """The names of the classes, whose positions in the file are the ids in the masks."""
    name = getattr(source.dataset, 'class_file', None)
    if name is None:
        return
    path, wanted = Path(source.dataset.data_root, name), source.dataset.num_classes
    try:
        table = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        text, expected = ' '.join(str(error).split()), f'a JSON object of {wanted} names'
        yield Finding('class_list', str(path), text, expected, 'Unpack it again.')
        return
    yield from _wrong_names(str(path), table, wanted)


def _wrong_names(path: str, table: Any, wanted: int) -> Iterator[Finding]:
    remedy = 'Take the official label2idx.json: the position of a name is its id in the masks.'
    if not isinstance(table, dict) or len(table) != wanted:
        found = f'{len(table)} names' if isinstance(table, dict) else type(table).__name__
        yield Finding('class_list', path, found, f'an object of {wanted} names', remedy)
        return
    official = AVSS_CLASSES if wanted == len(AVSS_CLASSES) else ('background',)
    for position, (name, right) in enumerate(zip(table, official)):
        if name != right:
            found, expected = f'"{name}" at position {position}', f'"{right}"'
            yield Finding('class_list', path, found, expected, remedy)
            return
    yield from _wrong_numbers(path, list(table.values()))


def _wrong_numbers(path: str, numbers: Sequence[Any]) -> Iterator[Finding]:
    """Stored numbers are not used, but say whether the file was meddled with."""
    for start in (0, 1):
        if numbers == list(range(start, start + len(numbers))):
            break
    else:
        text = 'numbers that do not count on by one'
        remedy = 'Nothing, if the names are in order: mmavs goes by their positions.'
        expected = 'numbers from 0 on'
        yield Finding('class_list', path, text, expected, remedy, severity='warning')
        return
    if start:
        found = 'numbers from 1 on'
        remedy = 'Nothing: mmavs goes by the positions. Other code may be off by one.'
        yield Finding('class_list', path, found, 'numbers from 0 on', remedy, severity='info')

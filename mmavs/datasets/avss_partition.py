# Copyright (c) mmavs developers. All rights reserved.
"""AVSS-SS and AVSS-MS: clips of AVSBench-semantic with one and with several sounding sources.

CPM (Table 2) divides the 1554 test clips into 1278 and 276, but no list and no code is public. The
rules that may give these numbers are here; ``tools/dataset_converters/avss_partition.py`` counts
them on the real data and stores a list.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmavs.structures import IGNORE_INDEX

PARTITIONS = ('ss', 'ms')
NAME_RULES = ('objects', 'onscreen_objects')
LABEL_RULES = ('frame_classes', 'frame_pixels', 'clip_classes')
PARTITION_RULES = (*NAME_RULES, *LABEL_RULES)
"""tuple[str]: What makes a clip one of several sources.

- ``'objects'``: more than one name in ``a_obj``.
- ``'onscreen_objects'``: more than one name in ``a_obj`` that is a class other than background.
- ``'frame_classes'``: a frame with two classes or more, background aside.
- ``'frame_pixels'``: a frame with more than two values, background counted, on more than 100 pixels
  each (the filter of CAVP's trainer).
- ``'clip_classes'``: two classes or more in the clip, background aside.
"""
PUBLISHED_PARTITION = {'ss': 1278, 'ms': 276}
"""dict[str, int]: Test clips of each, in CPM's Table 2."""
MIN_PIXELS = 100


def object_names(a_obj: str) -> list[str]:
    """The names in a value of the column ``a_obj``; ``_`` stands between them, ``-`` within."""
    return [name for name in a_obj.split('_') if name]


def onscreen_names(names: Iterable[str], classes: Sequence[str]) -> list[str]:
    """The names that are classes other than the first one, background."""
    return [name for name in names if name in classes[1:]]


def name_rules(names: Sequence[str], classes: Sequence[str]) -> dict[str, bool]:
    """Which of the rules on names find several sources.

    Args:
        names (Sequence[str]): What :func:`object_names` gave.
        classes (Sequence[str]): Names of all classes, background first.

    Returns:
        dict[str, bool]: By rule of :data:`NAME_RULES`.
    """
    return dict(
        objects=len(set(names)) > 1,
        onscreen_objects=len(set(onscreen_names(names, classes))) > 1,
    )


def label_rules(labels: Iterable[np.ndarray]) -> dict[str, bool]:
    """Which of the rules on labels find several sources.

    Args:
        labels (Iterable[np.ndarray]): Each (H, W) class ids of an annotated frame at the size of
            its file, 255 where there is no label.

    Returns:
        dict[str, bool]: By rule of :data:`LABEL_RULES`.
    """
    found = dict.fromkeys(LABEL_RULES, False)
    of_clip: set[int] = set()
    for label in labels:
        counts = np.bincount(label.ravel(), minlength=256)[:IGNORE_INDEX]
        classes = set(np.flatnonzero(counts).tolist()) - {0}
        of_clip |= classes
        found['frame_classes'] |= len(classes) > 1
        found['frame_pixels'] |= bool((counts > MIN_PIXELS).sum() > 2)
    found['clip_classes'] = len(of_clip) > 1
    return found


def save_partition(
    path: str | Path, is_multiple: Mapping[str, bool], rule: str, split: str
) -> None:
    """Store a partition.

    Args:
        path (str | Path): The JSON file to write.
        is_multiple (Mapping[str, bool]): Whether there are several sources, by clip id.
        rule (str): What decided.
        split (str): What the clips are.
    """
    clips = {
        'ss': [clip for clip, multiple in is_multiple.items() if not multiple],
        'ms': [clip for clip, multiple in is_multiple.items() if multiple],
    }
    counts = {name: len(ids) for name, ids in clips.items()}
    content = dict(rule=rule, split=split, counts=counts, **clips)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


def load_partition(path: str | Path) -> dict[str, str]:
    """Read a stored partition.

    Args:
        path (str | Path): What :func:`save_partition` wrote.

    Returns:
        dict[str, str]: ``'ss'`` or ``'ms'`` by clip id.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no JSON object with the lists ``ss`` and ``ms``, or a clip is in both.
    """
    remedy = 'Write it with tools/dataset_converters/avss_partition.py.'
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'There is no partition file {path}. {remedy}') from error
    except ValueError as error:
        raise ValueError(f'{path} is no JSON file: {error}. {remedy}') from error
    is_table = isinstance(content, dict)
    if not is_table or not all(isinstance(content.get(name), list) for name in PARTITIONS):
        raise ValueError(f'{path} has not the lists of clip ids "ss" and "ms". {remedy}')
    twice = set(content['ss']) & set(content['ms'])
    if twice:
        raise ValueError(f'{path} has clip {min(twice)} in both "ss" and "ms". {remedy}')
    return {clip: name for name in PARTITIONS for clip in content[name]}

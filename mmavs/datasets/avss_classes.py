# Copyright (c) mmavs developers. All rights reserved.
"""Names and colours of the classes of AVSBench-semantic."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# fmt: off
AVSS_CLASSES = (
    'background', 'accordion', 'airplane', 'axe', 'baby', 'bassoon', 'bell', 'bird', 'boat', 'boy',
    'bus', 'car', 'cat', 'cello', 'clarinet', 'clipper', 'clock', 'dog', 'donkey', 'drum', 'duck',
    'elephant', 'emergency-car', 'erhu', 'flute', 'frying-food', 'girl', 'goose', 'guitar', 'gun',
    'guzheng', 'hair-dryer', 'handpan', 'harmonica', 'harp', 'helicopter', 'hen', 'horse',
    'keyboard', 'leopard', 'lion', 'man', 'marimba', 'missile-rocket', 'motorcycle', 'mower',
    'parrot', 'piano', 'pig', 'pipa', 'saw', 'saxophone', 'sheep', 'sitar', 'sorna', 'squirrel',
    'tabla', 'tank', 'tiger', 'tractor', 'train', 'trombone', 'truck', 'trumpet', 'tuba', 'ukulele',
    'utv', 'vacuum-cleaner', 'violin', 'wolf', 'woman',
)
"""tuple[str]: In the order of the ids, 0 (background) to 70 (woman)."""
# fmt: on


def voc_palette(num_colours: int) -> list[list[int]]:
    """The colours of PASCAL VOC, which ``labels_rgb`` of AVSBench-semantic are painted in.

    The bits of an id, in groups of three from the lowest, are bits of red, green and blue, from the
    most significant one down.

    Args:
        num_colours (int): How many, up to 256.

    Returns:
        list[list[int]]: RGB of the ids from 0 on.
    """
    palette = []
    for index in range(num_colours):
        colour = [0, 0, 0]
        for group in range(3):
            for channel in range(3):
                colour[channel] |= (index >> (3 * group + channel) & 1) << (7 - group)
        palette.append(colour)
    return palette


def colours_to_labels(picture: np.ndarray, num_classes: int) -> tuple[np.ndarray, list[int] | None]:
    """Decode a mask painted in :func:`voc_palette`, by exact match.

    Args:
        picture (np.ndarray): (H, W, 3) uint8, RGB.
        num_classes (int): Colours that are classes.

    Returns:
        tuple: (H, W) uint8 ids, 0 where the colour is no class's, as in the official loaders; and
        the first such colour, None where there is none.
    """
    codes = _colour_codes(np.array(voc_palette(num_classes)))
    order = np.argsort(codes)
    pixels = _colour_codes(picture)
    place = np.searchsorted(codes[order], pixels).clip(max=num_classes - 1)
    labels = order[place]
    known = codes[labels] == pixels
    stray = None if known.all() else picture[~known][0].tolist()
    return np.where(known, labels, 0).astype(np.uint8), stray


def _colour_codes(colours: np.ndarray) -> np.ndarray:
    """RGB in the last axis to one number."""
    return colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)


def read_class_names(path: str | Path, num_classes: int) -> tuple[str, ...]:
    """Names of the classes, by their position in a ``label2idx.json``.

    The stored numbers are not looked at: copies of the file count from 0 or from 1, the masks
    always from 0.

    Args:
        path (str | Path): The file: one JSON object, name to number.
        num_classes (int): How many there must be.

    Returns:
        tuple[str, ...]: The names of the ids from 0 on.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no JSON object, has another number of names, or its first name is not
            ``background``.
    """
    try:
        table = json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'There is no class file {path}. It is part of AVSBench-semantic (label2idx.json); set '
            'class_file relative to data_root.'
        ) from error
    except ValueError as error:  # no UTF-8, no JSON
        raise ValueError(f'{path} is no JSON file: {error}. Unpack it again.') from error
    if not isinstance(table, dict) or len(table) != num_classes:
        found = f'{len(table)} names' if isinstance(table, dict) else f'a {type(table).__name__}'
        raise ValueError(
            f'{path} has {found}, expected an object of {num_classes} names. Set num_classes of '
            'the data set, or take the official file.'
        )
    names = tuple(table)
    if names[0] != 'background':
        raise ValueError(
            f'The first name in {path} is "{names[0]}", expected "background": the position of a '
            'name in the file is its id in the masks.'
        )
    return names


def check_metainfo(metainfo: Mapping[str, Any], classes: Sequence[str]) -> None:
    """Refuse names and colours that do not fit the ids of the labels; other names are allowed.

    Args:
        metainfo (Mapping[str, Any]): Of a data set, with ``classes`` and ``palette``.
        classes (Sequence[str]): The names of the ids from 0 on.

    Raises:
        ValueError: If there are more or fewer names or colours than classes, or the name of a class
            is that of another id.
    """
    for key in ('classes', 'palette'):
        given = metainfo[key]
        if isinstance(given, str) or len(given) != len(classes):
            found = repr(given) if isinstance(given, str) else f'of {len(given)}'
            raise ValueError(
                f'metainfo.{key} is {found}, expected a list of {len(classes)}: one for each id of '
                f'the labels, from 0 ("{classes[0]}") to {len(classes) - 1} ("{classes[-1]}"). '
                'Leave it out to have those of the data.'
            )
    for index, name in enumerate(metainfo['classes']):
        if name != classes[index] and name in classes:
            raise ValueError(
                f'metainfo.classes has "{name}" at position {index}, but it is class '
                f'{classes.index(name)} of the labels, and {index} is "{classes[index]}". Give the '
                'names in the order of the ids, or leave them out to have those of the data.'
            )

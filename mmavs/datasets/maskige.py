# Copyright (c) mmavs developers. All rights reserved.
"""Maskige: the masks of everything in a frame as one coloured picture, the second image stream.

COMBO (Yang et al., CVPR 2024) and VCT (CVPR 2025) give a network the class-agnostic masks of a
segment-anything model that way. :func:`index_map` turns the K masks of a frame into one map,
:func:`save_maskige` stores it as a palette PNG. Read as RGB it is a picture like any other.
"""

from pathlib import Path

import numpy as np
from mmseg.utils import get_palette
from PIL import Image

from mmavs.utils.file_conversion import whole_file

MAX_RANK = 255


def index_map(masks: np.ndarray) -> np.ndarray:
    """Paint the masks of a frame into one map, smaller masks above larger ones.

    The masks are ranked by ascending area, equal ones in their order; a pixel has the rank, from 1
    on, of the smallest mask that covers it, and 0 where none does. Ranks above 255 become 255:
    their colour is the same, see :func:`maskige_palette`.

    Args:
        masks (np.ndarray): (K, h, w) bool; K may be 0.

    Returns:
        np.ndarray: (h, w) uint8.

    Raises:
        ValueError: If the masks have another shape or type.
    """
    if masks.ndim != 3 or masks.dtype != np.bool_:
        raise ValueError(
            f'The masks of a frame are {masks.dtype} {masks.shape}, expected bool (K, h, w).'
        )
    order = np.argsort(masks.sum((1, 2)), kind='stable')
    index = np.zeros(masks.shape[1:], np.uint8)
    for rank, mask in reversed(list(enumerate(masks[order], start=1))):
        index[mask] = min(rank, MAX_RANK)
    return index


def maskige_palette() -> list[int]:
    """The 256 colours of a Maskige, flat: the 150 of ADE20K, then black.

    So pixels of no mask are (120, 120, 120), and masks from rank 150 on are black.
    """
    colours = [value for colour in get_palette('ade20k') for value in colour]
    return colours + [0] * (256 * 3 - len(colours))


def save_maskige(path: str | Path, index: np.ndarray) -> None:
    """Write an index map as a palette PNG; no half file is left by an interruption.

    Args:
        path (str | Path): The file; its folder is made.
        index (np.ndarray): (h, w) uint8, what :func:`index_map` gave.

    Raises:
        ValueError: If the map has another shape or type.
    """
    if index.ndim != 2 or index.dtype != np.uint8:
        raise ValueError(f'The index map is {index.dtype} {index.shape}, expected uint8 (h, w).')
    picture = Image.fromarray(index)
    picture.putpalette(maskige_palette())  # makes the mode P
    with whole_file(path) as part:
        picture.save(part, format='PNG')

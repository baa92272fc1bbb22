# Copyright (c) mmavs developers. All rights reserved.
"""Maskiges of synthetic frames, and the files that VCT and COMBO read beside AVSBench's own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmavs.datasets.maskige import index_map, save_maskige
from mmavs.utils.maskige_names import maskige_file

__all__ = ['ExtraFiles', 'resized', 'write_maskige']


@dataclass(frozen=True)
class ExtraFiles:
    """What a tree holds besides the official files.

    Args:
        maskige (bool): Maskiges of the official frames. Defaults to False.
        vct_layout (bool): The files of VCT's and COMBO's 384 sets. Defaults to False.
        vct_sizes (tuple[int, int]): Pixels of the square frames and Maskiges there, and of the
            masks that are scored. The folders are called 384 and 224 whatever the sizes. Defaults
            to (384, 224).

    Raises:
        ValueError: If a size is below 16.
    """

    maskige: bool = False
    vct_layout: bool = False
    vct_sizes: tuple[int, int] = (384, 224)

    def __post_init__(self) -> None:
        if len(self.vct_sizes) != 2 or min(self.vct_sizes) < 16:
            raise ValueError(
                f'vct_sizes={self.vct_sizes} must be two sizes of at least 16 pixels: of frames '
                'and of masks'
            )


def write_maskige(frame: Path, owners: np.ndarray, size: int | None = None) -> None:
    """Write the Maskige of a frame: the masks of all objects that are seen, silent ones included.

    There is no mask of the backdrop, which has the colour of what no mask covers.

    Args:
        frame (Path): What the file of the frame would be called in the folder of the Maskiges.
        owners (np.ndarray): (H, W) number of the object seen at each pixel, -1 for the backdrop.
        size (int, optional): Make it a square of so many pixels (nearest, as the official scripts
            do). Defaults to the frame's own size.
    """
    seen = np.setdiff1d(owners, -1)
    index = index_map(owners[None] == seen[:, None, None])
    save_maskige(maskige_file(frame), index if size is None else resized(index, size))


def resized(pixels: np.ndarray, size: int) -> np.ndarray:
    """Squash to a square as the official scripts do: pictures bilinear, maps nearest.

    Args:
        pixels (np.ndarray): (H, W, 3) uint8 picture, or (H, W) uint8 map.
        size (int): Pixels of the square's side.

    Returns:
        np.ndarray: (size, size, 3) or (size, size) uint8.
    """
    method = Image.Resampling.BILINEAR if pixels.ndim == 3 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize((size, size), method))

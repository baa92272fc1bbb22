# Copyright (c) mmavs developers. All rights reserved.
"""Which pieces of a clip's sound lie under which of its frames."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """A piece of the sound and where it is drawn.

    Args:
        left (int): Column of its first pixel.
        pixels (int): Its length, gap included.
        shown (int): Its length without the gap behind the last frame.
        begin (float): Second of the clip at which it begins.
        end (float): Second at which it ends.
    """

    left: int
    pixels: int
    shown: int
    begin: float
    end: float


def cut(audio: np.ndarray, samples: int) -> np.ndarray:
    """A waveform (C, S) of so many samples: cut, or with zeros at the end."""
    heard = np.zeros((len(audio), samples), dtype=np.float32)
    heard[:, : audio.shape[-1]] = audio[:, :samples]
    return heard


def runs_of(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Position and length of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for position, index in enumerate(indices):
        if runs and index == indices[position - 1] + 1:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((position, 1))
    return runs

# Copyright (c) mmavs developers. All rights reserved.
"""Pulse codes: what tells twins apart is motion in time with the sound."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .sounding import SoundingTimeline, fade_between

__all__ = ['LARGEST_SCALE', 'PulseCode', 'draw_levels']

SCALES = (0.8, 1.2)
"""Factors of an object's radius while its level is low, and high."""

SOFT_DB = -14.0
"""Gain of a voice while its object's level is low; 0 dB while it is high. The loudness of a class
is jittered by 4 dB either way, so soft and loud voices of one class do not meet."""

LARGEST_SCALE = SCALES[1]
DIFFER_PROB = 0.75
_GROWTH_SECONDS = 0.25


def draw_levels(
    rng: np.random.Generator,
    num_objects: int,
    twins: Sequence[tuple[int, int]],
    length: int,
    num_frames: int,
) -> np.ndarray:
    """Draw a random sequence of levels for every object, whoever sounds.

    Every level is high or low with equal probability. The levels of twins differ in one period,
    drawn from the first ``num_frames``, for certain, and in each other one with probability 0.75.
    So a frame by itself shows a difference with probability 0.75 + 0.25 / num_frames (0.8 for 5
    frames), and a clip in which one object sounds throughout always does.

    Args:
        rng (np.random.Generator): Used for nothing else in the clip.
        num_objects (int): Visible objects, k.
        twins (Sequence[tuple[int, int]]): Pairs of one class.
        length (int): Periods, T.
        num_frames (int): Periods that have a frame.

    Returns:
        np.ndarray: (T, k) bool, True for high.
    """
    levels = rng.random((length, num_objects)) < 0.5
    for one, other in twins:
        differ = rng.random(length) < DIFFER_PROB
        differ[rng.integers(min(length, num_frames))] = True
        levels[:, other] = levels[:, one] ^ differ
    return levels


@dataclass(frozen=True)
class PulseCode:
    """Every object is large while its level is high, small while it is low; a voice is loud while
    the object that it belongs to is large, and soft while that is small.

    Periods are those of the sounding states (:class:`SoundingTimeline`): level k is what frame k
    shows and example k hears.

    Args:
        levels (np.ndarray): (T, k) bool.
        period (float): Seconds that a level lasts.
    """

    levels: np.ndarray
    period: float

    def scales(self, position: int) -> np.ndarray:
        """(k,) float64: factors of the radii at frame number ``position``."""
        return np.where(self.levels[position], SCALES[1], SCALES[0])

    def scales_at(self, time: float) -> np.ndarray:
        """(k,) float64: the same at a time in seconds, changing smoothly within 0.25 s."""
        position = SoundingTimeline(self.levels, self.period).position_at(time)
        share = np.clip((time - position * self.period) / _GROWTH_SECONDS, 0, 1)
        share = share * share * (3 - 2 * share)
        before = self.scales(max(position - 1, 0))
        return before + share * (self.scales(position) - before)

    def gain(self, index: int, times: np.ndarray) -> np.ndarray:
        """(S,) float64: factor of the voice of object ``index`` at times in seconds."""
        gains = np.where(self.levels[:, index], 1.0, 10 ** (SOFT_DB / 20))
        return fade_between(gains, self.period, times)

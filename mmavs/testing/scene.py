# Copyright (c) mmavs developers. All rights reserved.
"""Scenes: objects that move over a backdrop, as a function of time. Nothing here knows of sound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .backdrop import draw_backdrop
from .sprites import Sprite, SpriteStyle

__all__ = ['Motion', 'Scene', 'sample_motions']

MOTION_PERIOD = 20.0
"""Seconds after which all motion repeats, so that a scene of any length can be checked once."""

_CANDIDATES = 256
_SEPARATION = 0.88
_PULSE = 0.1


@dataclass(frozen=True)
class Motion:
    """Where one object is; lengths in units of the frame's short side.

    Args:
        home (np.ndarray): (2,) x, y about which it swings.
        swing (np.ndarray): (2,) amplitudes.
        cycles (np.ndarray): (2,) swings in :data:`MOTION_PERIOD`, whole numbers.
        phase (np.ndarray): (4,) radians of x, y, size and angle.
        radius (float): Mean radius.
        angle (float): Mean angle in radians.
    """

    home: np.ndarray
    swing: np.ndarray
    cycles: np.ndarray
    phase: np.ndarray
    radius: float
    angle: float

    def at(self, time: float) -> tuple[np.ndarray, float, float]:
        """Centre (2,), radius and angle at a time in seconds."""
        turn = 2 * math.pi * time / MOTION_PERIOD
        centre = self.home + self.swing * np.sin(self.cycles * turn + self.phase[:2])
        radius = self.radius * (1 + _PULSE * math.sin(3 * turn + self.phase[2]))
        return centre, radius, self.angle + 0.3 * math.sin(4 * turn + self.phase[3])


def sample_motions(
    rng: np.random.Generator,
    count: int,
    extent: tuple[float, float],
    seconds: float,
    *,
    twins: Sequence[tuple[int, int]] = (),
    growth: float = 1.0,
    sideways: float = 0.0,
) -> list[Motion]:
    """Motions that stay in the frame and keep their distance.

    Candidates are drawn until all pairs stay 0.88 of their radii's sum apart; where 256 of them
    fail, all objects become a tenth smaller and the draw is repeated.

    Args:
        rng (np.random.Generator): Decides everything.
        count (int): Number of objects.
        extent (tuple[float, float]): Width and height of the frame by its short side.
        seconds (float): Length of the clip.
        twins (Sequence[tuple[int, int]]): Pairs of objects that have one mean radius.
        growth (float): Greatest factor by which a radius is multiplied when it is drawn; all fits
            at that size. Defaults to 1.
        sideways (float): Least horizontal distance of twins, as a part of the frame's width.
            Defaults to 0.

    Returns:
        list[Motion]: One an object.
    """
    times = np.arange(0, min(seconds, MOTION_PERIOD) + 0.25, 0.25)[:, None, None]
    base = min(0.22, 0.38 / math.sqrt(count))
    first, second = np.triu_indices(count, 1)
    while True:
        shape = (_CANDIDATES, count)
        radius = base * rng.uniform(0.75, 1.0, shape)
        for one, other in twins:
            radius[:, other] = radius[:, one]
        room = np.asarray(extent) / 2 - 1.05 * (1 + _PULSE) * growth * radius[..., None]
        swing = np.minimum(rng.uniform(0.06, 0.24, (*shape, 2)), room)
        home = np.asarray(extent) / 2 + rng.uniform(-1, 1, (*shape, 2)) * (room - swing)
        cycles = rng.integers(1, 3, (*shape, 2))
        phase = rng.uniform(0, 2 * math.pi, (*shape, 4))
        angle = rng.uniform(-0.4, 0.4, shape)
        turn = 2 * math.pi * times[..., None] / MOTION_PERIOD
        path = home + swing * np.sin(cycles * turn + phase[..., :2])
        gap = np.linalg.norm(path[:, :, first] - path[:, :, second], axis=-1)
        apart = (gap >= _SEPARATION * growth * (radius[:, first] + radius[:, second])).all((0, 2))
        for one, other in twins:
            distance = np.abs(path[:, :, one, 0] - path[:, :, other, 0])
            apart &= (distance >= sideways * extent[0]).all(0)
        good = np.flatnonzero(apart)
        if len(good):
            pick = int(good[0])
            fields = (home, swing, cycles, phase, radius, angle)
            return [Motion(*(part[pick, index] for part in fields)) for index in range(count)]
        base *= 0.9


class Scene:
    """Objects over a backdrop.

    Args:
        rng (np.random.Generator): Decides everything visible.
        styles (Sequence[SpriteStyle]): Classes to choose from; but for twins, no two objects share
            one.
        num_objects (int): Objects, k.
        size (tuple[int, int]): Height and width in pixels.
        seconds (float): Length of the clip.
        hue_jitter (float): See :class:`Sprite`. Defaults to 0.06.
        num_twins (int): Pairs of objects of one class: objects 0 and 1, 2 and 3, and so on.
            Defaults to 0.
        growth (float): See :func:`sample_motions`. Defaults to 1.
        sideways (float): See :func:`sample_motions`. Defaults to 0.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        styles: Sequence[SpriteStyle],
        num_objects: int,
        size: tuple[int, int],
        seconds: float,
        hue_jitter: float = 0.06,
        *,
        num_twins: int = 0,
        growth: float = 1.0,
        sideways: float = 0.0,
    ) -> None:
        self.height, self.width = size
        self.unit = min(size)
        self.twins = [(2 * pair, 2 * pair + 1) for pair in range(num_twins)]
        chosen = rng.permutation(len(styles))[: num_objects - num_twins].tolist()
        self.classes: list[int] = sorted(chosen[:num_twins] * 2, key=chosen.index)
        self.classes += chosen[num_twins:]
        extent = (self.width / self.unit, self.height / self.unit)
        self.motions = sample_motions(
            rng, num_objects, extent, seconds, twins=self.twins, growth=growth, sideways=sideways
        )
        self.sprites = [Sprite(styles[index], rng, hue_jitter) for index in self.classes]
        self.backdrop = draw_backdrop(rng, self.height, self.width)

    def render(
        self, time: float, scales: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw the scene at a time; later objects lie on top of earlier ones.

        Args:
            time (float): Seconds.
            scales (np.ndarray, optional): (k,) factors of the objects' radii. Defaults to all 1.

        Returns:
            tuple[np.ndarray, np.ndarray]: Picture (H, W, 3) uint8 RGB, and owners (H, W) int8: the
            number of the object seen at each pixel, -1 for the backdrop.
        """
        canvas = self.backdrop.copy()
        owners = np.full((self.height, self.width), -1, dtype=np.int8)
        for index, (sprite, motion) in enumerate(zip(self.sprites, self.motions)):
            centre, radius, angle = motion.at(time)
            x, y = (float(part) * self.unit for part in centre)
            radius = radius if scales is None else radius * float(scales[index])
            sprite.draw(canvas, owners, index, (x, y), radius * self.unit, angle)
        return np.clip(canvas + 0.5, 0, 255).astype(np.uint8), owners

    def pan(self, index: int, times: np.ndarray) -> np.ndarray:
        """(S,) float64 in [-1, 1]: how far right of the middle an object is, at times in s."""
        motion = self.motions[index]
        turn = 2 * math.pi * times / MOTION_PERIOD
        x = motion.home[0] + motion.swing[0] * np.sin(motion.cycles[0] * turn + motion.phase[0])
        return 2 * x * self.unit / self.width - 1

# Copyright (c) mmavs developers. All rights reserved.
"""Sprites: outline shapes filled with a two-colour texture, drawn with soft edges.

Shapes live in unit coordinates (u to the right, v down, the unit disc holds the shape). A class is
known by its shape and texture together: hues overlap between classes and are jittered.
"""

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

__all__ = ['SHAPES', 'TEXTURES', 'Sprite', 'SpriteStyle']

_TAU = 2 * math.pi
_SUPERSAMPLE = 4


def _radial(radius: Sequence[float] | np.ndarray, start: float = -math.pi / 2) -> np.ndarray:
    """Closed outline (n, 2) from radii at n equally spaced angles, the first one on top."""
    radius = np.asarray(radius, dtype=np.float64)
    angle = start + np.arange(len(radius)) / len(radius) * _TAU
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _gear() -> np.ndarray:
    tooth = [1.0, 1.0, 0.74, 0.74]
    return _radial(tooth * 8, start=-math.pi / 2 - _TAU / 64)


def _flower() -> np.ndarray:
    angle = np.arange(72) / 72 * _TAU
    return _radial(0.74 + 0.26 * np.cos(5 * angle))


def _heart() -> np.ndarray:
    s = np.arange(48) / 48 * _TAU
    u = 16 * np.sin(s) ** 3
    v = -(13 * np.cos(s) - 5 * np.cos(2 * s) - 2 * np.cos(3 * s) - np.cos(4 * s))
    return np.stack([u, v - 2.5], axis=1) / 16.5


def _moon() -> np.ndarray:
    outer = math.radians(130) * np.linspace(-1, 1, 40)
    tip = np.array([np.cos(outer[-1]), np.sin(outer[-1])])
    centre = np.array([-0.62, 0.0])
    inner_radius = float(np.hypot(*(tip - centre)))
    inner_angle = math.atan2(tip[1], tip[0] - centre[0])
    inner = np.linspace(inner_angle, -inner_angle, 30)[1:-1]
    inside = centre + inner_radius * np.stack([np.cos(inner), np.sin(inner)], axis=1)
    outside = np.stack([np.cos(outer), np.sin(outer)], axis=1)
    return np.concatenate([outside, inside]) - np.array([0.12, 0.0])


def _leaf() -> np.ndarray:
    s = np.linspace(-1, 1, 30)
    width = 0.68 * (1 - np.abs(s) ** 2.2) ** 0.8
    right = np.stack([width, s], axis=1)
    return np.concatenate([right, right[::-1][1:-1] * [-1, 1]])


def _drop() -> np.ndarray:
    s = np.arange(48) / 48 * _TAU
    return np.stack([0.8 * np.sin(s) * np.sin(s / 2) ** 1.5, -np.cos(s)], axis=1)


_CROSS = [(-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1), (1, 3), (-1, 3), (-1, 1), (-3, 1)]
_CROSS += [(-3, -1), (-1, -1)]
_BOLT = [(0.5, -1), (-0.75, 0.22), (-0.15, 0.22), (-0.5, 1), (0.75, -0.3), (0.15, -0.3)]
_BOX = [(-0.84, -0.6), (0.84, -0.6), (0.84, 0.6), (-0.84, 0.6)]
_CIRCLE = _radial(np.ones(48))

_OUTLINES = {
    'star': [_radial([1.0, 0.5] * 5)],
    'gear': [_gear(), 0.24 * _CIRCLE],
    'flower': [_flower()],
    'ring': [_CIRCLE, 0.45 * _CIRCLE],
    'cross': [np.asarray(_CROSS, dtype=np.float64) / 3.1],
    'heart': [_heart()],
    'box': [np.asarray(_BOX)],
    'leaf': [_leaf()],
    'moon': [_moon()],
    'bolt': [np.asarray(_BOLT)],
    'drop': [_drop()],
    'hexagon': [_radial(np.ones(6))],
}
SHAPES: dict[str, list[np.ndarray]] = {
    name: [outline / np.hypot(*outlines[0].T).max() for outline in outlines]
    for name, outlines in _OUTLINES.items()
}
"""Outline, then holes; each (n, 2) float64 in unit coordinates."""


def _wave(x: np.ndarray) -> np.ndarray:
    """Soft square wave in [0, 1] of period 1."""
    return np.clip(0.5 + 2.5 * np.sin(_TAU * x), 0, 1)


Texture = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
TEXTURES: dict[str, Texture] = {
    'stripes': lambda u, v, p: _wave(2.2 * u + p),
    'bands': lambda u, v, p: _wave(2.2 * v + p),
    'rings': lambda u, v, p: _wave(2.4 * np.hypot(u, v) + p),
    'rays': lambda u, v, p: _wave(np.arctan2(v, u) * 6 / _TAU + p),
    'checks': lambda u, v, p: np.abs(_wave(1.5 * u + p) - _wave(1.5 * v + p)),
    'dots': lambda u, v, p: np.clip(
        0.5 + 4 * (np.cos(_TAU * (1.8 * u + p)) * np.cos(_TAU * (1.8 * v + p)) - 0.35), 0, 1
    ),
    'spiral': lambda u, v, p: _wave(1.6 * np.hypot(u, v) - np.arctan2(v, u) * 2 / _TAU + p),
    'zigzag': lambda u, v, p: _wave(2 * v + 0.9 * np.abs(np.mod(2 * u + p, 1) - 0.5)),
    'plaid': lambda u, v, p: 0.5 * (_wave(1.6 * u + p) + _wave(1.6 * v + p)),
    'diagonal': lambda u, v, p: _wave(1.7 * (u + v) + p),
    'bricks': lambda u, v, p: (
        (np.mod(2.5 * v + p, 1) > 0.2) & (np.mod(1.5 * u + 0.5 * np.floor(2.5 * v + p), 1) > 0.14)
    ).astype(np.float64),
    'waves': lambda u, v, p: _wave(2 * v + 0.25 * np.sin(_TAU * (1.2 * u + p))),
}
"""Unit coordinates and a phase in [0, 1) to the weight of the second colour, in [0, 1]."""


@dataclass(frozen=True)
class SpriteStyle:
    """What all sprites of a class have in common.

    Args:
        shape (str): Key of :data:`SHAPES`.
        texture (str): Key of :data:`TEXTURES`.
        hue (float): Hue of the first colour in turns.
        accent (tuple[float, float, float]): Hue offset, saturation and value of the second colour.
    """

    shape: str
    texture: str
    hue: float
    accent: tuple[float, float, float]


class Sprite:
    """One object's looks: a style with its own shade and texture phase.

    Args:
        style (SpriteStyle): Of the class.
        rng (np.random.Generator): Draws the shade and the phase.
        hue_jitter (float): Greatest change of the hue in turns. Defaults to 0.06.
    """

    def __init__(
        self, style: SpriteStyle, rng: np.random.Generator, hue_jitter: float = 0.06
    ) -> None:
        self.outlines = SHAPES[style.shape]
        self.texture = TEXTURES[style.texture]
        self.phase = float(rng.uniform())
        hue = style.hue + rng.uniform(-hue_jitter, hue_jitter)
        offset, saturation, value = style.accent
        shade = rng.uniform(0.85, 1.0)
        first = colorsys.hsv_to_rgb(hue % 1, 0.75, 0.95 * shade)
        second = colorsys.hsv_to_rgb((hue + offset) % 1, saturation, value * shade)
        edge = colorsys.hsv_to_rgb(hue % 1, 0.7, 0.25)
        self.colors = 255 * np.asarray([first, second, edge], dtype=np.float32)

    def draw(
        self,
        canvas: np.ndarray,
        owners: np.ndarray,
        owner: int,
        centre: tuple[float, float],
        radius: float,
        angle: float,
    ) -> None:
        """Paint the sprite over a picture and enter its pixels into the owner map, in place.

        A pixel belongs to the sprite if at least half of it is covered.

        Args:
            canvas (np.ndarray): (H, W, 3) float32, 0..255 RGB.
            owners (np.ndarray): (H, W) int; number of the object seen at each pixel.
            owner (int): Number to write.
            centre (tuple[float, float]): x, y in pixels (the top left pixel's centre is 0.5, 0.5).
            radius (float): Pixels that the unit of the shape measures.
            angle (float): Radians, clockwise.
        """
        height, width = owners.shape
        left, top = (max(0, math.floor(c - radius - 1)) for c in centre)
        right = min(width, math.ceil(centre[0] + radius + 1))
        bottom = min(height, math.ceil(centre[1] + radius + 1))
        if left >= right or top >= bottom:
            return
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        cover, edge = self._rasterise(
            turn, radius, (centre[0] - left, centre[1] - top), (right - left, bottom - top)
        )
        y, x = np.mgrid[top:bottom, left:right] + 0.5
        local = np.stack([x - centre[0], y - centre[1]], axis=-1) @ turn / radius
        u, v = local[..., 0], local[..., 1]
        weight = self.texture(u, v, self.phase)[..., None]
        color = (1 - weight) * self.colors[0] + weight * self.colors[1]
        # Light from the top left, whichever way the sprite is turned.
        light = np.hypot(x - centre[0] + 0.3 * radius, y - centre[1] + 0.3 * radius) / radius
        color = np.minimum(color * (1.12 - 0.2 * light[..., None] ** 2), 255)
        color = (1 - edge) * color + edge * self.colors[2]
        patch = canvas[top:bottom, left:right]
        patch += cover * (color - patch)
        owners[top:bottom, left:right][cover[..., 0] >= 0.5] = owner

    def _rasterise(
        self,
        turn: np.ndarray,
        radius: float,
        centre: tuple[float, float],
        size: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coverage and weight of the dark edge, each (h, w, 1) float32 in [0, 1]."""
        large = (size[0] * _SUPERSAMPLE, size[1] * _SUPERSAMPLE)
        body, edge = Image.new('L', large), Image.new('L', large)
        stroke = max(1, round(0.11 * radius * _SUPERSAMPLE))
        for index, outline in enumerate(self.outlines):
            points = (outline @ turn.T * radius + np.asarray(centre)) * _SUPERSAMPLE - 0.5
            corners = [tuple(point) for point in points.tolist()]
            ImageDraw.Draw(body).polygon(corners, fill=0 if index else 255)
            ImageDraw.Draw(edge).line(corners + corners[:2], fill=255, width=stroke, joint='curve')
        small = [np.asarray(layer.reduce(_SUPERSAMPLE), np.float32) / 255 for layer in (body, edge)]
        return small[0][..., None], small[1][..., None]

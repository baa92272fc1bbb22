# Copyright (c) mmavs developers. All rights reserved.
"""Backdrops: soft mottled ground with clutter that is no object of any class."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw

__all__ = ['draw_backdrop']


def _mottle(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 of about [-1, 1]: three octaves of smooth noise."""
    total = np.zeros(size[::-1], dtype=np.float32)
    for cells, weight in ((3, 0.6), (7, 0.3), (18, 0.2)):
        coarse = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
        total += weight * np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))
    return total


def draw_backdrop(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw a backdrop.

    Args:
        rng (np.random.Generator): Decides everything.
        height (int): Pixels.
        width (int): Pixels.

    Returns:
        np.ndarray: (H, W, 3) float32, 0..255 RGB.
    """
    hue, saturation = rng.uniform(), rng.uniform(0.1, 0.35)
    dark = np.asarray(colorsys.hsv_to_rgb(hue, saturation, rng.uniform(0.25, 0.4)))
    light = np.asarray(colorsys.hsv_to_rgb((hue + 0.1) % 1, saturation, rng.uniform(0.55, 0.75)))
    mix = np.clip(0.5 + 0.5 * _mottle(rng, (width, height)), 0, 1)[..., None]
    ground = 255 * (dark + (light - dark) * mix)
    picture = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    picture = picture.resize((2 * width, 2 * height), Image.Resampling.BILINEAR)
    pen, unit = ImageDraw.Draw(picture), 2 * min(height, width)
    for _ in range(int(rng.integers(8, 14))):
        _scribble(pen, rng, hue, unit, (2 * width, 2 * height))
    return np.asarray(picture.reduce(2), dtype=np.float32)


def _scribble(
    pen: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    hue: float,
    unit: int,
    size: tuple[int, int],
) -> None:
    """One piece of clutter in a muted colour: a pebble, a slab or a twig."""
    shade = colorsys.hsv_to_rgb(
        (hue + rng.uniform(-0.12, 0.12)) % 1, rng.uniform(0.1, 0.4), rng.uniform(0.25, 0.8)
    )
    color = tuple(int(255 * part) for part in shade)
    x, y = (rng.uniform(0, length) for length in size)
    reach, slant = rng.uniform(0.02, 0.09) * unit, rng.uniform(0, np.pi)
    dx, dy = reach * np.cos(slant), reach * np.sin(slant)
    kind = int(rng.integers(3))
    if kind == 0:
        flat = rng.uniform(0.5, 1.0)
        pen.ellipse((x - reach, y - flat * reach, x + reach, y + flat * reach), fill=color)
    elif kind == 1:
        flat = rng.uniform(0.3, 0.8)
        corners = [(dx, dy), (-flat * dy, flat * dx), (-dx, -dy), (flat * dy, -flat * dx)]
        pen.polygon([(x + a, y + b) for a, b in corners], fill=color)
    else:
        ends = [(x - 3 * dx, y - 3 * dy), (x + 3 * dx, y + 3 * dy)]
        pen.line(ends, fill=color, width=max(1, int(0.014 * unit)))

# Copyright (c) mmavs developers. All rights reserved.
"""The classes of the synthetic benchmark: an appearance bound to a timbre."""

from dataclasses import dataclass

from .sprites import SpriteStyle

__all__ = ['SOUND_CLASSES', 'SoundClass']


@dataclass(frozen=True)
class SoundClass:
    """What looks so, sounds so.

    Args:
        name (str): Shape and timbre, used for S4's category folders.
        style (SpriteStyle): How it looks.
        timbre (str): Key of :data:`mmavs.testing.timbres.TIMBRES`.
    """

    name: str
    style: SpriteStyle
    timbre: str


_TABLE = (
    # shape, texture, hue, accent (hue offset, saturation, value), timbre
    ('star', 'rays', 0.13, (0.0, 0.25, 1.0), 'chime'),
    ('gear', 'rings', 0.06, (0.05, 0.55, 0.55), 'buzz'),
    ('flower', 'spiral', 0.90, (0.04, 0.2, 1.0), 'flute'),
    ('ring', 'checks', 0.00, (0.0, 0.05, 1.0), 'siren'),
    ('cross', 'zigzag', 0.55, (0.12, 0.8, 0.6), 'rattle'),
    ('heart', 'dots', 0.97, (0.0, 0.15, 1.0), 'thump'),
    ('box', 'diagonal', 0.45, (0.0, 0.2, 0.95), 'hiss'),
    ('leaf', 'stripes', 0.30, (0.05, 0.35, 1.0), 'chirp'),
    ('moon', 'bands', 0.15, (0.5, 0.35, 0.75), 'hoot'),
    ('bolt', 'plaid', 0.77, (0.3, 0.6, 1.0), 'zap'),
    ('drop', 'waves', 0.60, (-0.1, 0.25, 1.0), 'drip'),
    ('hexagon', 'bricks', 0.48, (0.1, 0.8, 0.55), 'surf'),
)

SOUND_CLASSES: tuple[SoundClass, ...] = tuple(
    SoundClass(f'{shape}_{timbre}', SpriteStyle(shape, texture, hue, accent), timbre)
    for shape, texture, hue, accent, timbre in _TABLE
)
"""A benchmark of n classes has the first n of these."""

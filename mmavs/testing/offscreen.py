# Copyright (c) mmavs developers. All rights reserved.
"""Off-screen voices: a class that is heard and not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .sound_classes import SoundClass
from .sounding import SoundingProcess, SoundingTimeline

__all__ = ['OffscreenVoice', 'draw_offscreen']

_SILENT_PROB = 0.3


@dataclass(frozen=True)
class OffscreenVoice:
    """A voice whose object is not in the picture.

    Args:
        sound_class (SoundClass): None of the visible ones.
        timeline (SoundingTimeline): Its own states, (T, 1).
        side (float): -1 for beyond the left edge of the frame, 1 for beyond the right one.
        voice_seed (np.random.SeedSequence): Of the voice.
    """

    sound_class: SoundClass
    timeline: SoundingTimeline
    side: float
    voice_seed: np.random.SeedSequence


def draw_offscreen(
    seed: np.random.SeedSequence,
    unseen: Sequence[SoundClass],
    probability: float,
    switch_prob: float,
    timeline: SoundingTimeline,
    num_frames: int,
) -> OffscreenVoice | None:
    """Draw whether there is a voice off screen, which and when.

    It is independent of who sounds among the visible objects. Where those do not change
    (``switch_prob`` 0) it sounds throughout. Else it goes on and off by itself: at every position
    its state is drawn afresh with probability ``switch_prob``, silent with probability 0.3; draws
    in which it is silent at all frames are repeated.

    Args:
        seed (np.random.SeedSequence): Used for nothing else in the clip.
        unseen (Sequence[SoundClass]): Classes that are not visible.
        probability (float): That there is one.
        switch_prob (float): Of the clip's :class:`SoundingProcess`.
        timeline (SoundingTimeline): The clip's; gives number and length of the periods.
        num_frames (int): Periods that have a frame.

    Returns:
        OffscreenVoice | None: None where there is no such voice.
    """
    rng = np.random.default_rng(seed)
    if not rng.random() < probability:
        return None
    sound_class = unseen[rng.integers(len(unseen))]
    side = float(rng.choice([-1, 1]))
    process = SoundingProcess((1,), _SILENT_PROB if switch_prob else 0.0, switch_prob)
    length = len(timeline.states)
    states = process.sample(rng, 1, length)
    while not states[:num_frames].any():
        states = process.sample(rng, 1, length)
    own = SoundingTimeline(states, timeline.period)
    return OffscreenVoice(sound_class, own, side, seed.spawn(1)[0])

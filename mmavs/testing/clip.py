# Copyright (c) mmavs developers. All rights reserved.
"""A synthetic clip: a scene, a timeline of who sounds, and the sound that follows from both."""

from collections.abc import Sequence

import numpy as np

from .scene import Scene
from .sound_classes import SoundClass
from .sounding import SoundingProcess, SoundingTimeline
from .timbres import MIN_SAMPLE_RATE, make_voice, noise_loop

__all__ = ['Soundtrack', 'SynthClip', 'check_sound']

_PAN_WIDTH = 0.5


def check_sound(sample_rate: int, channels: int) -> None:
    """Raise a ValueError if no sound track can be rendered so."""
    if sample_rate < MIN_SAMPLE_RATE:
        raise ValueError(
            f'sample_rate={sample_rate} is too low: the timbres reach up to 7500 Hz, '
            f'so it must be at least {MIN_SAMPLE_RATE}'
        )
    if channels not in (1, 2):
        raise ValueError(f'channels={channels}: synthetic sound is mono (1) or stereo (2)')


class Soundtrack:
    """The sound of a clip, rendered piece by piece.

    Args:
        clip (SynthClip): Whose objects sound.
        sample_rate (int): Hz, at least 16000.
        channels (int): 1 or 2. In stereo a voice is louder on the side where its object is, so that
            the mean of the channels is the mono sound.

    Raises:
        ValueError: If the rate is too low for the timbres, or there are not one or two channels.
    """

    def __init__(self, clip: 'SynthClip', sample_rate: int, channels: int) -> None:
        check_sound(sample_rate, channels)
        self.clip = clip
        self.sample_rate = sample_rate
        self.channels = channels
        audible = clip.timeline.states.any(axis=0)
        self.voices = {
            index: make_voice(clip.classes[index].timbre, np.random.default_rng(seed), sample_rate)
            for index, seed in enumerate(clip.voice_seeds)
            if audible[index]
        }
        self.noise = noise_loop(np.random.default_rng(clip.noise_seed), sample_rate, 60, 7800)

    def render(self, start: int, count: int) -> np.ndarray:
        """(C, count) float32 in [-1, 1]: samples from number ``start`` on."""
        times = np.arange(start, start + count) / self.sample_rate
        mix = np.tile(self.clip.noise_level * self.noise(times), (self.channels, 1))
        for index, voice in self.voices.items():
            sound = self.clip.timeline.envelope(index, times) * voice(times)
            if self.channels == 2:
                lean = _PAN_WIDTH * self.clip.scene.pan(index, times)
                mix += np.stack([1 - lean, 1 + lean]) * sound
            else:
                mix += sound
        return np.clip(mix, -1, 1).astype(np.float32)


class SynthClip:
    """One clip; everything in it is decided by its seed.

    Three independent streams of random numbers draw what is visible, who sounds, and how the voices
    sound. So nothing visible tells who sounds, which is what the audio-blind ceiling rests on.

    Args:
        seed (np.random.SeedSequence): The clip's own.
        classes (Sequence[SoundClass]): Of the benchmark.
        process (SoundingProcess): Decides who sounds.
        num_objects (tuple[int, int]): Least and greatest number of visible objects.
        size (tuple[int, int]): Height and width in pixels.
        seconds (float): Length.
        period (float): Seconds that a sounding state lasts.
        noise_level (float): RMS of the background noise.
        hue_jitter (float): See :class:`Sprite`.
    """

    def __init__(
        self,
        seed: np.random.SeedSequence,
        classes: Sequence[SoundClass],
        process: SoundingProcess,
        num_objects: tuple[int, int],
        size: tuple[int, int],
        seconds: float,
        period: float,
        noise_level: float,
        hue_jitter: float,
    ) -> None:
        visual_seed, state_seed, sound_seed = seed.spawn(3)
        visual = np.random.default_rng(visual_seed)
        count = int(visual.integers(num_objects[0], num_objects[1] + 1))
        styles = [entry.style for entry in classes]
        self.scene = Scene(visual, styles, count, size, seconds, hue_jitter)
        self.classes = [classes[index] for index in self.scene.classes]
        # Spawned once and for all: a second call of spawn gives other children.
        *self.voice_seeds, self.noise_seed = sound_seed.spawn(count + 1)
        length = max(1, int(np.ceil(seconds / period - 1e-9)))
        states = process.sample(np.random.default_rng(state_seed), count, length)
        self.timeline = SoundingTimeline(states, period)
        self.noise_level = noise_level
        self.prior = process.states(count)

    @staticmethod
    def truth(owners: np.ndarray, sounding: np.ndarray) -> np.ndarray:
        """(H, W) uint8 mask, 255 on the visible pixels of sounding objects, else 0."""
        return np.where(np.append(sounding, False)[owners], 255, 0).astype(np.uint8)

    def areas(self, owners: np.ndarray) -> np.ndarray:
        """(k,) int: visible pixels of every object."""
        return np.bincount(owners.reshape(-1) + 1, minlength=len(self.classes) + 1)[1:]

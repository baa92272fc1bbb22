# Copyright (c) mmavs developers. All rights reserved.
"""A synthetic clip: a scene, a timeline of who sounds, and the sound that follows from both."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmavs.utils.timing import FRAME_POSITION

from .offscreen import draw_offscreen
from .pulse import LARGEST_SCALE, PulseCode, draw_levels
from .scene import Scene
from .sound_classes import SoundClass
from .sounding import SoundingProcess, SoundingTimeline
from .timbres import MIN_SAMPLE_RATE, Voice, make_voice, noise_loop

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
            index: self._voice(clip.classes[index], seed)
            for index, seed in enumerate(clip.voice_seeds)
            if audible[index]
        }
        self.noise = noise_loop(np.random.default_rng(clip.noise_seed), sample_rate, 60, 7800)
        other = clip.offscreen
        self.offscreen = other and self._voice(other.sound_class, other.voice_seed)

    def _voice(self, sound_class: SoundClass, seed: np.random.SeedSequence) -> Voice:
        return make_voice(sound_class.timbre, np.random.default_rng(seed), self.sample_rate)

    def render(self, start: int, count: int) -> np.ndarray:
        """(C, count) float32 in [-1, 1]: samples from number ``start`` on."""
        times = np.arange(start, start + count) / self.sample_rate
        mix = np.tile(self.clip.noise_level * self.noise(times), (self.channels, 1))
        for index in self.voices:
            lean = self.clip.scene.pan(index, times) if self.channels == 2 else 0.0
            self._add(mix, self._sound(index, times), lean)
        if self.offscreen:
            self._add(mix, self._offscreen_sound(times), self.clip.offscreen.side)
        return np.clip(mix, -1, 1).astype(np.float32)

    def render_alone(self, index: int, count: int, with_offscreen: bool = False) -> np.ndarray:
        """The first samples of one object's voice and the background noise, in mono.

        Args:
            index (int): An object that sounds.
            count (int): Number of samples.
            with_offscreen (bool): Add the voice off screen, if there is one. Defaults to False.

        Returns:
            np.ndarray: (1, count) float32 in [-1, 1].
        """
        times = np.arange(count) / self.sample_rate
        mix = self.clip.noise_level * self.noise(times) + self._sound(index, times)
        if with_offscreen and self.offscreen:
            mix += self._offscreen_sound(times)
        return np.clip(mix[None], -1, 1).astype(np.float32)

    def _sound(self, index: int, times: np.ndarray) -> np.ndarray:
        """(S,) what an object is heard with."""
        sound = self.clip.timeline.envelope(index, times) * self.voices[index](times)
        return sound if self.clip.pulse is None else sound * self.clip.pulse.gain(index, times)

    def _offscreen_sound(self, times: np.ndarray) -> np.ndarray:
        return self.clip.offscreen.timeline.envelope(0, times) * self.offscreen(times)

    def _add(self, mix: np.ndarray, sound: np.ndarray, lean: np.ndarray | float) -> None:
        """Add a voice to the channels, ``lean`` in [-1, 1] being how far right it is."""
        if self.channels == 2:
            shift = _PAN_WIDTH * np.broadcast_to(lean, sound.shape)
            mix += np.stack([1 - shift, 1 + shift]) * sound
        else:
            mix += sound


class SynthClip:
    """One clip; everything in it is decided by its seed.

    Independent streams of random numbers draw what is visible, who sounds, how the voices sound,
    how the objects pulse, and what sounds off screen. So nothing visible tells who sounds, which is
    what the audio-blind ceiling rests on.

    Args:
        seed (np.random.SeedSequence): The clip's own.
        classes (Sequence[SoundClass]): Of the benchmark.
        process (SoundingProcess): Decides who sounds.
        num_objects (tuple[int, int]): Least and greatest number of visible objects, twins included.
        size (tuple[int, int]): Height and width in pixels.
        seconds (float): Length.
        period (float): Seconds that a sounding state lasts.
        noise_level (float): RMS of the background noise.
        hue_jitter (float): See :class:`Sprite`.
        num_twins (int): Pairs of objects of one class. Defaults to 0.
        pulsing (bool): Give every object a pulse code, see :mod:`mmavs.testing.pulse`. Defaults to
            False.
        sideways (float): Least horizontal distance of twins by the frame's width. Defaults to 0.
        offscreen_prob (float): Probability of a voice off screen. Defaults to 0.
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
        *,
        num_twins: int = 0,
        pulsing: bool = False,
        sideways: float = 0.0,
        offscreen_prob: float = 0.0,
    ) -> None:
        # A new stream is spawned after these, never in between: the bytes of old trees rest on it.
        visual_seed, state_seed, sound_seed, pulse_seed, offscreen_seed = seed.spawn(5)
        visual = np.random.default_rng(visual_seed)
        count = int(visual.integers(num_objects[0], num_objects[1] + 1))
        self.scene = Scene(
            visual,
            [entry.style for entry in classes],
            count,
            size,
            seconds,
            hue_jitter,
            num_twins=num_twins,
            growth=LARGEST_SCALE if pulsing else 1.0,
            sideways=sideways,
        )
        twins = self.scene.twins
        self.classes = [classes[index] for index in self.scene.classes]
        # Spawned once and for all: a second call of spawn gives other children.
        *self.voice_seeds, self.noise_seed = sound_seed.spawn(count + 1)
        length = max(1, int(np.ceil(seconds / period - 1e-9)))
        num_frames = max(1, int(seconds))
        states = process.sample(np.random.default_rng(state_seed), count, length, twins)
        self.timeline = SoundingTimeline(states, period)
        self.noise_level = noise_level
        self.prior = process.states(count, twins)
        self.pulse: PulseCode | None = None
        if pulsing:
            rng = np.random.default_rng(pulse_seed)
            self.pulse = PulseCode(draw_levels(rng, count, twins, length, num_frames), period)
        unseen = [entry for entry in classes if entry not in self.classes]
        self.offscreen = draw_offscreen(
            offscreen_seed, unseen, offscreen_prob, process.switch_prob, self.timeline, num_frames
        )

    def frame(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture and owners (see :meth:`Scene.render`) of the benchmark's frame, from 0 on.

        It is taken at ``position`` + 0.9375 s and shows what belongs to sounding state number
        ``position``, whatever the frame's own clock says (:class:`SoundingTimeline`).
        """
        scales = None if self.pulse is None else self.pulse.scales(position)
        return self.scene.render(position + FRAME_POSITION, scales)

    def render(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Picture and owners of a video at a time in seconds."""
        return self.scene.render(time, None if self.pulse is None else self.pulse.scales_at(time))

    @staticmethod
    def truth(owners: np.ndarray, sounding: np.ndarray) -> np.ndarray:
        """(H, W) uint8 mask, 255 on the visible pixels of sounding objects, else 0."""
        return np.where(np.append(sounding, False)[owners], 255, 0).astype(np.uint8)

    @staticmethod
    def labels(owners: np.ndarray, sounding: np.ndarray, class_ids: Sequence[int]) -> np.ndarray:
        """(H, W) uint8 map: ids of the k objects' classes where they sound and are seen, else 0."""
        return np.append(np.where(sounding, class_ids, 0), 0).astype(np.uint8)[owners]

    def areas(self, owners: np.ndarray) -> np.ndarray:
        """(k,) int: visible pixels of every object."""
        return np.bincount(owners.reshape(-1) + 1, minlength=len(self.classes) + 1)[1:]

    def sounding_names(self, num_frames: int) -> list[str]:
        """Names of the visible classes that sound at any of the first frames, each once."""
        heard = self.timeline.states[:num_frames].any(axis=0)
        return list(dict.fromkeys(self.classes[index].name for index in np.flatnonzero(heard)))

    def heard_names(self, num_frames: int) -> list[str]:
        """The same with the class that is heard off screen, if there is one."""
        other = [] if self.offscreen is None else [self.offscreen.sound_class.name]
        return self.sounding_names(num_frames) + other

    def seen_names(self) -> list[str]:
        """Names of the visible classes, each once."""
        return list(dict.fromkeys(entry.name for entry in self.classes))

    def describe(self, num_frames: int) -> dict[str, Any]:
        """Who is there and who sounds, as ``synth_clips.json`` has it."""
        entry: dict[str, Any] = {
            'classes': [entry.name for entry in self.classes],
            'sounding': self.timeline.states[:num_frames].astype(int).tolist(),
        }
        if self.scene.twins:
            entry['twins'] = [list(pair) for pair in self.scene.twins]
        if self.pulse is not None:
            entry['pulse'] = self.pulse.levels[:num_frames].astype(int).tolist()
        if self.offscreen is not None:
            states = self.offscreen.timeline.states[:num_frames, 0]
            entry['offscreen'] = {
                'class': self.offscreen.sound_class.name,
                'sounding': states.astype(int).tolist(),
            }
        return entry

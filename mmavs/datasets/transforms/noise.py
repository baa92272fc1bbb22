# Copyright (c) mmavs developers. All rights reserved.
"""Silence and noise in place of a clip's sound, as long as the real one."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmavs.utils.audio_io import resample

from ..sound_partners import clip_generator

LEGACY_RATE = 44100
LEGACY_SECONDS = 5
RESAMPLING_MARGIN = 1024
"""int: Samples that are resampled beyond those needed, more than the filter reaches."""


def under_condition(audio: np.ndarray, sample_rate: int, results: Mapping[str, Any]) -> np.ndarray:
    """What is heard instead of a waveform under ``audio_condition`` of a pipeline's results.

    All loaders of waveforms end with this, so that every condition goes through the same front end
    and has the length, rate and channels of the real sound: a network cannot tell them apart by the
    format (the trap of metrics_robust.md, section 1).

    Args:
        audio (np.ndarray): (C, S) float32, the sound as it was loaded.
        sample_rate (int): Its rate in Hz.
        results (Mapping): ``audio_condition`` (optional), and for noise ``clip_id`` and ``noise``
            (dict of ``kind``, ``level`` and ``seed``).

    Returns:
        np.ndarray: (C, S) float32.
    """
    condition = results.get('audio_condition', 'original')
    if condition == 'silence':
        return np.zeros_like(audio)
    if condition == 'noise':
        return make_noise(audio.shape, sample_rate, clip_id=results['clip_id'], **results['noise'])
    return audio


def make_noise(
    shape: tuple[int, int], sample_rate: int, clip_id: str, kind: str, level: float, seed: int
) -> np.ndarray:
    """White noise that depends on the seed and the clip alone.

    - ``'uniform'``: values evenly spread over [-level, level].
    - ``'gaussian'``: normal values of standard deviation ``level``, clipped to [-1, 1].
    - ``'legacy'``: what AVSBench-Robust's script makes by mistake. The bytes of 5 s of float64
      values, evenly spread over [-1, 1] at 44.1 kHz, are taken for 16-bit samples: 20 s of a loud
      signal whose every fourth sample holds the float's exponent. Here it is resampled and cut to
      the length of the clip's sound (a longer one gets more of it); ``level`` has no meaning.

    Channels are independent, but for ``'legacy'``, which is mono.

    Args:
        shape (tuple[int, int]): (C, S), channels and samples.
        sample_rate (int): In Hz.
        clip_id (str): Name of the clip.
        kind (str): See above.
        level (float): See above.
        seed (int): At least 0.

    Returns:
        np.ndarray: (C, S) float32 in [-1, 1].

    Raises:
        ValueError: If the kind is unknown.
    """
    generator = clip_generator(seed, clip_id)
    if kind == 'uniform':
        return generator.uniform(-level, level, shape).astype(np.float32)
    if kind == 'gaussian':
        return generator.normal(0, level, shape).clip(-1, 1).astype(np.float32)
    if kind == 'legacy':
        return np.repeat(_legacy_noise(generator, shape[1], sample_rate), shape[0], axis=0)
    raise ValueError(f"kind of noise is {kind!r}, expected 'uniform', 'gaussian' or 'legacy'.")


def _legacy_noise(generator: np.random.Generator, length: int, sample_rate: int) -> np.ndarray:
    """(1, length) float32."""
    needed = math.ceil(length * LEGACY_RATE / sample_rate) + RESAMPLING_MARGIN
    values = generator.uniform(-1, 1, max(LEGACY_SECONDS * LEGACY_RATE, math.ceil(needed / 4)))
    samples = values.astype('<f8').view('<i2')[:needed].astype(np.float32) / 32768
    # The filter overshoots at samples as loud as these.
    return resample(samples[None], LEGACY_RATE, sample_rate)[:, :length].clip(-1, 1)

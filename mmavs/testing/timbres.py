# Copyright (c) mmavs developers. All rights reserved.
"""Timbres: sounds that are told apart in VGGish's log-mel (16 kHz, 125..7500 Hz).

A timbre makes voices: the same kind of sound at another pitch, speed and phase. A voice is a closed
function of time, so that a sound track of any length and rate can be rendered piece by piece. Every
rhythm is faster than 2 Hz: each 0.96 s example of VGGish hears what the sound is.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ['MIN_SAMPLE_RATE', 'TIMBRES', 'Timbre', 'Voice', 'make_voice', 'noise_loop']

Voice = Callable[[np.ndarray], np.ndarray]
"""Times in seconds, (S,) float64, to amplitudes, (S,) float64."""

Timbre = Callable[[np.random.Generator, int], Voice]
"""Generator and sample rate in Hz to a voice (of any loudness)."""

MIN_SAMPLE_RATE = 16000
_TAU = 2 * math.pi
_RMS, _PEAK = 0.08, 0.3
_LOUDNESS_DB = 4.0


def make_voice(name: str, rng: np.random.Generator, sample_rate: int) -> Voice:
    """A voice of a timbre, of jittered loudness.

    The voice is scaled to an RMS of 0.08 or a peak of 0.3, whichever is quieter, and then by a gain
    drawn from -4..+4 dB. The numbers drawn do not depend on the sample rate.

    Args:
        name (str): Key of :data:`TIMBRES`.
        rng (np.random.Generator): Draws pitch, speed, phase and loudness.
        sample_rate (int): Hz, at least 16000.

    Returns:
        Voice: Function of time.
    """
    gain = 10 ** (rng.uniform(-_LOUDNESS_DB, _LOUDNESS_DB) / 20)
    voice = TIMBRES[name](rng, sample_rate)
    probe = voice(np.arange(2 * sample_rate) / sample_rate)
    gain *= min(_RMS / float(np.sqrt(np.mean(probe**2))), _PEAK / float(np.abs(probe).max()))
    return lambda t: gain * voice(t)


def noise_loop(
    rng: np.random.Generator, sample_rate: int, low: float, high: float, seconds: float = 3.0
) -> Voice:
    """Band-limited Gaussian noise of RMS 1 that repeats after some seconds.

    Args:
        rng (np.random.Generator): Draws the seed of the noise (one number, whatever the rate).
        sample_rate (int): Hz.
        low (float): Lower edge of the band in Hz.
        high (float): Upper edge of the band in Hz.
        seconds (float): Length of the loop. Defaults to 3.0.

    Returns:
        Voice: Function of time.
    """
    noise = np.random.default_rng(rng.integers(2**32))
    size = round(seconds * sample_rate)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    inside = (frequencies >= low) & (frequencies <= high)
    spectrum = np.zeros(len(frequencies), dtype=complex)
    count = int(inside.sum())
    spectrum[inside] = noise.standard_normal(count) + 1j * noise.standard_normal(count)
    loop = np.fft.irfft(spectrum, size)
    loop /= np.sqrt(np.mean(loop**2))
    return lambda t: loop[np.rint(t * sample_rate).astype(np.int64) % size]


def _since_event(t: np.ndarray, period: float, offset: float) -> np.ndarray:
    """Seconds since the last of a train of events."""
    return np.mod(t + offset, period)


def _strike(tau: np.ndarray, decay: float, attack: float = 0.003) -> np.ndarray:
    """Envelope of a stroke: a short linear attack, then an exponential decay (seconds)."""
    return np.minimum(tau / attack, 1.0) * np.exp(-tau / decay)


def _harmonics(phase: np.ndarray, orders: Sequence[int], slope: float) -> np.ndarray:
    """Harmonics of a fundamental's phase (radians) with amplitudes order**-slope."""
    return sum(np.sin(order * phase + order) * order**-slope for order in orders)


def _chime(rng: np.random.Generator, sample_rate: int) -> Voice:
    pitch, period = rng.uniform(800, 1150), rng.uniform(0.3, 0.45)
    offset = rng.uniform(0, period)

    def voice(t: np.ndarray) -> np.ndarray:
        tau = _since_event(t, period, offset)
        partials = zip((1.0, 2.76, 5.4), (1.0, 0.7, 0.4))
        tone = sum(weight * np.sin(_TAU * pitch * ratio * tau) for ratio, weight in partials)
        return tone * _strike(tau, period / 4)

    return voice


def _buzz(rng: np.random.Generator, sample_rate: int) -> Voice:
    pitch, phase = rng.uniform(85, 120), rng.uniform(0, _TAU)
    return lambda t: _harmonics(_TAU * pitch * t + phase, range(1, 20), 0.7)


def _flute(rng: np.random.Generator, sample_rate: int) -> Voice:
    pitch, phase = rng.uniform(480, 680), rng.uniform(0, _TAU)
    rate, depth = rng.uniform(4.5, 6.5), rng.uniform(0.015, 0.025)
    breath = noise_loop(rng, sample_rate, 400, 2500)

    def voice(t: np.ndarray) -> np.ndarray:
        vibrato = pitch * depth / rate * np.sin(_TAU * rate * t + phase)
        tone = _harmonics(_TAU * (pitch * t) + vibrato + phase, (1, 2), 2.5)
        return tone + 0.03 * breath(t)

    return voice


def _siren(rng: np.random.Generator, sample_rate: int) -> Voice:
    low, high = rng.uniform(650, 800), rng.uniform(1500, 1800)
    rate, phase = rng.uniform(2.0, 2.8), rng.uniform(0, _TAU)

    def voice(t: np.ndarray) -> np.ndarray:
        sweep = -(high - low) / 2 / rate * np.cos(_TAU * rate * t + phase)
        return _harmonics(_TAU * (low + high) / 2 * t + sweep, (1, 2, 3), 1.2)

    return voice


def _rattle(rng: np.random.Generator, sample_rate: int) -> Voice:
    period = 1 / rng.uniform(9, 14)
    offset = rng.uniform(0, period)
    noise = noise_loop(rng, sample_rate, 1200, 7500)
    return lambda t: noise(t) * _strike(_since_event(t, period, offset), 0.007, 0.0005)


def _thump(rng: np.random.Generator, sample_rate: int) -> Voice:
    pitch, period = rng.uniform(140, 190), rng.uniform(0.24, 0.34)
    offset = rng.uniform(0, period)

    def voice(t: np.ndarray) -> np.ndarray:
        tau = _since_event(t, period, offset)
        drop = 0.6 * 0.03 * (1 - np.exp(-tau / 0.03))
        return np.sin(_TAU * pitch * (tau + drop)) * _strike(tau, period / 4, 0.006)

    return voice


def _hiss(rng: np.random.Generator, sample_rate: int) -> Voice:
    rate, phase = rng.uniform(2.0, 4.0), rng.uniform(0, _TAU)
    noise = noise_loop(rng, sample_rate, rng.uniform(3600, 4200), 7400)
    return lambda t: noise(t) * (0.8 + 0.2 * np.sin(_TAU * rate * t + phase))


def _hoot(rng: np.random.Generator, sample_rate: int) -> Voice:
    pitch, rate, phase = rng.uniform(260, 350), rng.uniform(2.2, 3.2), rng.uniform(0, _TAU)

    def voice(t: np.ndarray) -> np.ndarray:
        pulse = 0.5 - 0.5 * np.cos(_TAU * rate * t + phase)
        return _harmonics(_TAU * pitch * t + phase, (1, 2), 3.0) * pulse**2

    return voice


def _chirp(rng: np.random.Generator, sample_rate: int) -> Voice:
    low, high = rng.uniform(1900, 2300), rng.uniform(4200, 5200)
    period = 1 / rng.uniform(4.0, 6.5)
    offset, length = rng.uniform(0, period), 0.6 * period

    def voice(t: np.ndarray) -> np.ndarray:
        tau = _since_event(t, period, offset)
        phase = _TAU * (low * tau + (high - low) / length * tau**2 / 2)
        envelope = np.sin(math.pi * np.minimum(tau / length, 1.0)) ** 2
        return np.sin(phase) * envelope

    return voice


def _zap(rng: np.random.Generator, sample_rate: int) -> Voice:
    pitch, rate, phase = rng.uniform(1250, 1500), rng.uniform(24, 36), rng.uniform(0, _TAU)

    def voice(t: np.ndarray) -> np.ndarray:
        gate = 1 / (1 + np.exp(-6 * np.sin(_TAU * rate * t + phase)))
        return _harmonics(_TAU * pitch * t + phase, (1, 3, 5), 0.5) * gate

    return voice


def _drip(rng: np.random.Generator, sample_rate: int) -> Voice:
    low, high = rng.uniform(450, 600), rng.uniform(2600, 3200)
    period = 1 / rng.uniform(2.6, 3.8)
    offset = rng.uniform(0, period)

    def voice(t: np.ndarray) -> np.ndarray:
        tau = _since_event(t, period, offset)
        fall = 0.03
        phase = _TAU * (low * tau + (high - low) * fall * (1 - np.exp(-tau / fall)))
        return np.sin(phase) * _strike(tau, 0.06)

    return voice


def _surf(rng: np.random.Generator, sample_rate: int) -> Voice:
    rate, phase = rng.uniform(2.0, 3.0), rng.uniform(0, _TAU)
    noise = noise_loop(rng, sample_rate, rng.uniform(250, 350), rng.uniform(900, 1200))
    return lambda t: noise(t) * (0.7 + 0.3 * np.sin(_TAU * rate * t + phase))


TIMBRES: dict[str, Timbre] = {
    'chime': _chime,
    'buzz': _buzz,
    'flute': _flute,
    'siren': _siren,
    'rattle': _rattle,
    'thump': _thump,
    'hiss': _hiss,
    'chirp': _chirp,
    'hoot': _hoot,
    'zap': _zap,
    'drip': _drip,
    'surf': _surf,
}

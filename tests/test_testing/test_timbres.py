# Copyright (c) mmavs developers. All rights reserved.
"""Timbres can be told apart in VGGish's log-mel, and are functions of time."""

import numpy as np
import pytest

from mmavs.testing.sound_classes import SOUND_CLASSES
from mmavs.testing.timbres import TIMBRES, make_voice, noise_loop

RATE = 16000
HOP = 15360  # 0.96 s, one example of VGGish


def log_mel(waveform):
    """VGGish's log-mel of one channel at 16 kHz, from the sheet's text: (n, 64)."""
    count = 1 + (len(waveform) - 400) // 160
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160][:count]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectrum = np.abs(np.fft.rfft(frames * window, 512))

    def mel(hertz):
        return 1127 * np.log(1 + hertz / 700)

    edges = np.linspace(mel(125.0), mel(7500.0), 66)
    bins = mel(np.linspace(0, 8000, 257))[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rise, fall))
    weights[0] = 0
    return np.log(spectrum @ weights + 0.01)


def features(voice, start):
    """Mean and deviation over time of one example."""
    times = np.arange(start, start + HOP + 240) / RATE
    noise = np.random.default_rng(start).normal(0, 0.002, len(times))
    mel = log_mel(voice(times) + noise)
    return np.concatenate([mel.mean(0), mel.std(0)])


def draw(name, seeds):
    return np.stack(
        [
            features(make_voice(name, np.random.default_rng(seed), RATE), HOP * (seed % 4))
            for seed in seeds
        ]
    )


def test_nearest_centroid_tells_the_timbres_apart():
    names = list(TIMBRES)
    train = np.stack([draw(name, range(12)) for name in names])
    test = np.stack([draw(name, range(100, 112)) for name in names])
    scale = train.reshape(-1, train.shape[-1]).std(0)
    centroids = train.mean(1) / scale
    distance = np.linalg.norm(test[:, :, None] / scale - centroids, axis=-1)
    hits = distance.argmin(-1) == np.arange(len(names))[:, None]
    assert hits.mean() > 0.95, dict(zip(names, hits.mean(1)))
    assert hits.mean(1).min() >= 0.75, dict(zip(names, hits.mean(1)))


@pytest.mark.parametrize('name', list(TIMBRES))
def test_voice_is_a_function_of_time(name):
    voice = make_voice(name, np.random.default_rng(3), RATE)
    times = np.arange(3 * RATE) / RATE
    whole = voice(times)
    pieces = [voice(part) for part in np.array_split(times, 7)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-9)
    assert np.isfinite(whole).all()
    assert np.abs(whole).max() < 0.6
    assert np.sqrt(np.mean(whole[:HOP] ** 2)) > 0.01


@pytest.mark.parametrize('name', list(TIMBRES))
def test_voice_is_the_same_sound_at_another_rate(name):
    spectra = []
    for rate in (16000, 48000):
        voice = make_voice(name, np.random.default_rng(5), rate)
        waveform = voice(np.arange(2 * rate) / rate)
        power = np.abs(np.fft.rfft(waveform)) ** 2 / len(waveform) ** 2
        spectra.append([power[2 * low : 2 * low + 500].sum() for low in range(0, 7500, 250)])
    low, high = np.asarray(spectra)
    assert np.corrcoef(low, high)[0, 1] > 0.98


def test_voices_of_a_timbre_differ():
    times = np.arange(RATE) / RATE
    for name in TIMBRES:
        first, second = (make_voice(name, np.random.default_rng(s), RATE)(times) for s in (0, 1))
        assert np.abs(first - second).max() > 0.01


def test_noise_loop_stays_in_its_band():
    noise = noise_loop(np.random.default_rng(0), RATE, 1000, 2000)(np.arange(3 * RATE) / RATE)
    power = np.abs(np.fft.rfft(noise)) ** 2
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    assert np.isclose(np.sqrt(np.mean(noise**2)), 1.0)
    assert power[(hertz < 999) | (hertz > 2001)].sum() < 1e-9 * power.sum()


def test_every_class_has_its_own_looks_and_sound():
    for key in (lambda c: c.name, lambda c: c.timbre, lambda c: c.style.shape):
        assert len({key(entry) for entry in SOUND_CLASSES}) == len(SOUND_CLASSES)
    assert {entry.timbre for entry in SOUND_CLASSES} == set(TIMBRES)

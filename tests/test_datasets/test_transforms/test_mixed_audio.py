# Copyright (c) mmavs developers. All rights reserved.
"""Mixing the sounds of a picture, and noise in place of a sound."""

import re

import numpy as np
import pytest
import soundfile
from PIL import Image
from torchvision.transforms import functional as F

from mmavs.datasets.transforms import ClipBroadcaster, FlipStereo, LoadClipAudio
from mmavs.datasets.transforms.colour_jitter import ClipColorJitter
from mmavs.datasets.transforms.mixed_audio import LoadMixedAudio, centre_crop
from mmavs.datasets.transforms.noise import make_noise
from mmavs.utils.audio_io import resample

RATE = 1000


@pytest.fixture
def sounds(tmp_path):
    """Two recordings of 4 s and one of 2 s, exact in 16 bits, at 1 kHz."""
    paths, waves = [], []
    for number, seconds in enumerate((4, 4, 2)):
        shape = (RATE * seconds, 2 if number == 1 else 1)
        wave = np.random.default_rng(number).integers(-32768, 32768, shape, np.int16)
        paths.append(str(tmp_path / f'{number}.wav'))
        soundfile.write(paths[-1], wave, RATE, subtype='PCM_16')
        waves.append((wave / 32768).mean(1))
    return paths, waves


def load(paths, positions=None, stereo=False, on_short='tile', seconds=3.0, **more):
    loader = LoadMixedAudio(RATE, seconds, stereo, on_short)
    return loader(dict(audio_paths=paths, audio_positions=positions, clip_id='c', **more))['audio']


def expected_sources(waves):
    """By a loop over samples: the middle 3 s, or the recording again and again."""
    crops = []
    for wave in waves:
        start = max(0, (len(wave) - 3 * RATE) // 2)
        crops.append([wave[(start + i) % len(wave)] for i in range(3 * RATE)])
    return crops


def test_mono_is_the_sum_of_the_middles_beyond_full_scale(sounds):
    paths, waves = sounds
    audio = load(paths)
    assert audio.shape == (1, 3 * RATE) and audio.dtype == np.float32
    assert np.allclose(audio[0], np.sum(expected_sources(waves), axis=0), atol=1e-6)
    assert np.abs(audio).max() > 1


def test_stereo_is_panned_linearly(sounds):
    paths, waves = sounds
    positions = [0.0, 0.25, 1.0]
    audio = load(paths, positions, stereo=True)
    for channel, weights in enumerate(([1.0, 0.75, 0.0], [0.0, 0.25, 1.0])):
        crops = expected_sources(waves)
        mixed = [sum(w * crop[i] for w, crop in zip(weights, crops)) for i in range(3 * RATE)]
        assert np.allclose(audio[channel], mixed, atol=1e-6)
    assert np.allclose(audio.sum(0), load(paths)[0], atol=1e-5)


def test_middle_of_ten_seconds_is_3_5_to_6_5():
    ramp = np.arange(160000)
    assert np.array_equal(centre_crop(ramp, 48000), ramp[56000:104000])


def test_short_recordings_are_lengthened_whole(sounds):
    (*_, path), (*_, wave) = sounds
    assert np.allclose(load([path])[0], [*wave, *wave[:RATE]])
    assert np.allclose(load([path], seconds=7)[0], [*wave, *wave, *wave, *wave[:RATE]])
    assert np.allclose(load([path], on_short='pad')[0], [*wave, *np.zeros(RATE)])
    with pytest.raises(ValueError, match=r"2\.wav is too short: 2\.000 s, .* 3\.0 s\. .*'tile'"):
        load([path], on_short='error')
    assert load([path], on_short='error', seconds=2).shape == (1, 2 * RATE)


@pytest.mark.parametrize('number', [1, 2, 3])  # 1: VPO-SS, where the official loader forgot it
def test_flip_is_the_mirrored_position(sounds, number):
    paths, positions = sounds[0][:number], [0.2, 0.9, 0.5][:number]
    results = dict(audio_paths=paths, audio_positions=positions, imgs=[np.zeros((4, 6, 3), 'u1')])
    for step in (
        LoadMixedAudio(RATE, stereo=True),
        ClipBroadcaster([dict(type='RandomFlip', prob=1.0)]),
        FlipStereo(),
    ):
        results = step(results)
    mirrored = load(paths, [1 - position for position in positions], stereo=True)
    assert results['flip'] and np.allclose(results['audio'], mirrored, atol=1e-6)


def test_other_rates_are_resampled_first(tmp_path):
    wave = np.random.default_rng(0).integers(-9999, 9999, 8 * 1600, np.int16)
    soundfile.write(tmp_path / 'a.wav', wave, 1600)
    whole = resample((wave / 32768).astype(np.float32)[None], 1600, RATE)[0]
    audio = load([str(tmp_path / 'a.wav')])[0]
    assert np.allclose(audio, whole[2500:5500], atol=1e-6)


def test_missing_and_broken_recordings_are_named(sounds, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no audio file .*nothing\.wav'):
        load([sounds[0][0], str(tmp_path / 'nothing.wav')])
    (tmp_path / 'broken.wav').write_bytes(b'RIFF')
    with pytest.raises(ValueError, match=r'broken\.wav cannot be read as audio'):
        load([str(tmp_path / 'broken.wav')])


@pytest.mark.parametrize(
    'paths, positions, message',
    [
        ([], [], 'c has no recording to mix'),
        (['0'], None, 'Stereo needs one position for each recording'),
        (['0'], [0.5, 0.5], 'Stereo needs one position for each recording'),
        (['0'], [1.5], 'expected values from 0 (left) to 1 (right)'),
        (['0'], [float('nan')], 'expected values from 0 (left) to 1 (right)'),
    ],
)
def test_positions_must_fit(sounds, paths, positions, message):
    paths = [sounds[0][int(path)] for path in paths]
    with pytest.raises(ValueError, match=re.escape(message)):
        load(paths, positions, stereo=True)


def test_arguments_of_the_mixer():
    with pytest.raises(ValueError, match="on_short is 'repeat', expected one of"):
        LoadMixedAudio(on_short='repeat')
    with pytest.raises(ValueError, match='seconds must be positive, got 0'):
        LoadMixedAudio(seconds=0)


NOISE = dict(audio_condition='noise', noise=dict(kind='uniform', level=0.3, seed=3))


@pytest.mark.parametrize('stereo', [False, True])
def test_conditions_of_the_mixer(sounds, stereo):
    real = load(sounds[0], [0.5] * 3, stereo)
    silent = load(sounds[0], [0.5] * 3, stereo, audio_condition='silence')
    noisy = load(sounds[0], [0.5] * 3, stereo, **NOISE)
    assert silent.shape == noisy.shape == real.shape == (1 + stereo, 3 * RATE)
    assert not silent.any() and noisy.dtype == np.float32
    assert np.array_equal(noisy, make_noise(real.shape, RATE, 'c', 'uniform', 0.3, 3))
    with pytest.raises(FileNotFoundError):  # what replaces a sound does not hide that it is missing
        load(['nothing.wav'], [0.5], stereo, audio_condition='silence')


def test_noise_depends_on_seed_and_clip_alone():
    def draw(clip_id='a/b', seed=0, kind='gaussian'):
        return make_noise((1, 4000), 16000, clip_id, kind, 0.3, seed)

    for kind in ('uniform', 'gaussian', 'legacy'):
        assert np.array_equal(draw(kind=kind), draw(kind=kind))
        for other in (draw('a/c', kind=kind), draw(seed=1, kind=kind)):
            assert abs(np.corrcoef(draw(kind=kind)[0], other[0])[0, 1]) < 0.1


def test_noise_has_the_promised_distribution():
    uniform = make_noise((2, 200000), 16000, 'c', 'uniform', 0.3, 0)
    assert 0.299 < np.abs(uniform).max() <= 0.3
    assert abs(uniform.std() - 0.3 / np.sqrt(3)) < 1e-3 and abs(uniform.mean()) < 2e-3
    gaussian = make_noise((2, 200000), 16000, 'c', 'gaussian', 0.1, 0)
    assert abs(gaussian.std() - 0.1) < 1e-3
    share = np.mean(np.abs(gaussian) < 0.1)
    assert abs(share - 0.6827) < 5e-3
    loud = make_noise((1, 200000), 16000, 'c', 'gaussian', 1.0, 0)
    assert np.abs(loud).max() == 1
    for noise in (uniform, gaussian):  # white, and the channels independent
        assert abs(np.corrcoef(noise)[0, 1]) < 0.02
        assert abs(np.corrcoef(noise[0, 1:], noise[0, :-1])[0, 1]) < 0.02
    with pytest.raises(ValueError, match="kind of noise is 'pink'"):
        make_noise((1, 9), 16000, 'c', 'pink', 0.3, 0)


def test_legacy_noise_is_the_official_mistake():
    noise = make_noise((2, 5 * 44100), 44100, 'c', 'legacy', 0.3, 0)
    assert np.array_equal(noise[0], noise[1])
    steps = np.rint(noise[0] * 32768).astype(int)
    # The sheet: RMS 0.56 of full scale; every fourth sample is the word with sign and exponent of a
    # float64 of [-1, 1), so its upper bits are 0x3fe0 or less, or the same with the sign.
    assert abs(np.sqrt((noise[0] ** 2).mean()) - 0.56) < 0.01
    words = steps[3::4] & 0xFFFF
    assert ((words & 0x7FFF) < 0x3FF0).all() and ((words & 0x7FFF) >= 0x3D00).all()
    assert abs(np.mean(words >> 15) - 0.5) < 0.02
    for place in range(3):  # while the others fill the whole range evenly
        assert abs(steps[place::4].std() / (65536 / np.sqrt(12)) - 1) < 0.02
    # The samples are the bytes of float64 values within [-1, 1].
    values = steps[: 4 * 1000].astype('<i2').view('<f8')
    assert (np.abs(values) <= 1).all() and abs(values.std() - 1 / np.sqrt(3)) < 0.05
    # At another rate the 20 s are resampled and cut, whatever part of them is made.
    short = make_noise((1, 16000), 16000, 'c', 'legacy', 0.3, 0)
    whole = resample(noise[:1], 44100, 16000).clip(-1, 1)
    assert np.allclose(short, whole[:, :16000], atol=1e-5)
    assert make_noise((1, 25 * 16000), 16000, 'c', 'legacy', 0.3, 0).shape == (1, 400000)


def test_noise_goes_through_the_loader_of_clips(tmp_path):
    soundfile.write(tmp_path / 'a.wav', np.full(90000, 0.5), 16000)
    results = dict(audio_path=str(tmp_path / 'a.wav'), num_clip_frames=5, clip_id='x', **NOISE)
    audio = LoadClipAudio()(results)['audio']
    assert np.array_equal(audio, make_noise((1, 90000), 16000, 'x', 'uniform', 0.3, 3))


def test_colour_jitter_is_torchvisions(tmp_path):
    frames = list(np.random.default_rng(0).integers(0, 256, (2, 8, 9, 3), np.uint8))
    jitter = ClipColorJitter()
    drawn = []
    original = jitter.draw
    jitter.draw = lambda: drawn.append(original()) or drawn[-1]
    results = ClipBroadcaster([jitter])(dict(imgs=frames))
    assert str(drawn[0]) == str(drawn[1])  # one draw for the clip
    order, factors = drawn[0]
    functions = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    for frame, jittered in zip(frames, results['imgs']):
        expected = Image.fromarray(frame)
        for number in order.tolist():
            expected = functions[number](expected, factors[number])
        assert np.array_equal(jittered, np.array(expected))
    assert not np.array_equal(frames[0], results['imgs'][0])
    same = ClipColorJitter(0, 0, 0, 0)(dict(img=frames[0]))['img']
    assert np.array_equal(same, frames[0])

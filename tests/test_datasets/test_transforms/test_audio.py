# Copyright (c) mmavs developers. All rights reserved.
import math
import re

import numpy as np
import pytest
import soundfile
import torch

from mmavs.datasets.transforms import FlipStereo, LoadClipAudio, LoadClipLogMel
from mmavs.datasets.transforms.audio import fit_clip, repeat_from, samples_needed


def write(path, waveform, rate=16000, **kwargs):
    soundfile.write(path, np.asarray(waveform).T, rate, **kwargs)
    return dict(audio_path=str(path), num_clip_frames=5, frame_indices=[0, 1, 2, 3, 4])


def noise(channels, samples):
    return np.random.default_rng(0).integers(-32768, 32768, (channels, samples), np.int16)


@pytest.mark.parametrize(
    'frames, rate, samples', [(5, 16000, 77040), (10, 16000, 153840), (1, 16000, 15600), (1, 1, 1)]
)
def test_samples_needed_is_what_the_reference_sheet_lists(frames, rate, samples):
    assert samples_needed(frames, rate) == samples


def test_16_bit_samples_are_exact(tmp_path):
    samples = noise(2, 77040)
    results = write(tmp_path / 'a.wav', samples)
    mono = LoadClipAudio()(dict(results))
    assert mono['audio'].dtype == np.float32 and mono['sample_rate'] == 16000
    assert np.array_equal(mono['audio'][0], (samples / 32768).mean(0).astype(np.float32))
    stereo = LoadClipAudio(mono=False)(dict(results))['audio']
    assert np.array_equal(stereo, samples / 32768)


def test_two_channels(tmp_path):
    results = write(tmp_path / 'mono.wav', noise(1, 80000))
    audio = LoadClipAudio(mono=False)(results)['audio']
    assert audio.shape == (2, 80000) and np.array_equal(audio[0], audio[1])
    results = write(tmp_path / 'surround.wav', noise(6, 80000))
    with pytest.raises(ValueError, match=r'surround\.wav has 6 channels; stereo takes one or two'):
        LoadClipAudio(mono=False)(results)
    assert LoadClipAudio()(results)['audio'].shape == (1, 80000)


def test_other_rate_is_resampled(tmp_path):
    results = write(tmp_path / 'a.wav', noise(1, 5 * 22050), rate=22050)
    results = LoadClipAudio()(results)
    assert results['audio'].shape == (1, 80000) and results['sample_rate'] == 16000


def test_missing_wav_says_what_to_do(tmp_path):
    message = (
        r'There is no WAV file .*nothing\.wav\. .*ffmpeg .*LoadClipLogMel .*logmel_pkl2npy\.py'
    )
    with pytest.raises(FileNotFoundError, match=message):
        LoadClipAudio()(dict(audio_path=str(tmp_path / 'nothing.wav'), num_clip_frames=5))


def test_short_wav_is_an_error(tmp_path):
    results = write(tmp_path / 'short.wav', noise(1, 77039))
    message = (
        'short.wav is too short: 77039 samples at 16000 Hz (4.815 s), the 5 frames of the clip '
        "need 77040 (4.815 s). Extract the sound again, or set on_short='repeat_last'"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        LoadClipAudio()(results)
    results['num_clip_frames'] = 4
    assert LoadClipAudio()(results)['audio'].shape == (1, 77039)


def log_spectra(waveform):
    """The frames of the official front end, before the mel bands: (frames, 257)."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160]
    return np.log(np.abs(np.fft.rfft(frames * np.hanning(401)[:400], 512)) + 0.01)


def test_repeat_last_gives_the_last_example_again(tmp_path):
    results = write(tmp_path / 'short.wav', noise(1, 60000))  # 3 examples and a rest
    with pytest.warns(UserWarning, match=r'short\.wav is too short.* last 0\.96 s are repeated'):
        audio = LoadClipAudio(on_short='repeat_last')(dict(results))['audio'][0]
    assert len(audio) == 77040
    original = soundfile.read(results['audio_path'])[0]
    examples = log_spectra(audio)[: 5 * 96].reshape(5, 96, 257)
    expected = log_spectra(original)[: 3 * 96].reshape(3, 96, 257)
    assert np.allclose(examples[:3], expected, atol=1e-5)
    # As the docstring says: all but the two frames that reach over the seam.
    for repeated in examples[3:]:
        same = np.abs(repeated - expected[2]).max(axis=1) < 1e-4
        assert same.tolist() == [False] * 2 + [True] * 94


def test_repeat_last_leaves_enough_sound_alone(tmp_path):
    results = write(tmp_path / 'long.wav', noise(1, 81000))
    assert LoadClipAudio(on_short='repeat_last')(results)['audio'].shape == (1, 81000)


def test_periodic_continuation_by_hand():
    audio = np.arange(8.0)[None]
    assert repeat_from(audio, 7, 12, 3)[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5]


@pytest.mark.parametrize(
    'hears, expected',
    [
        # At 100 Hz, examples are 98 every 96: 0 to 193 are two of them, the rest is dropped.
        ('vggish', [*range(194), *range(98, 194)]),
        # The last second again, behind all that there is.
        ('second', [*range(250), *range(150, 200)]),
    ],
)
def test_what_a_short_clip_goes_on_with(hears, expected):
    audio = np.arange(250.0)[None]
    with pytest.warns(UserWarning, match=r'a\.wav is too short: 250 samples'):
        longer = fit_clip(audio, 3, 100, 'repeat_last', 'a.wav', hears)
    assert longer[0].tolist() == expected[: samples_needed(3, 100, hears)]
    assert fit_clip(audio, 2, 100, 'error', 'a.wav', hears) is audio


def test_seconds(tmp_path):
    load = LoadClipAudio(sample_rate=32000, on_short='repeat_last', hears='second')
    results = write(tmp_path / 'a.wav', noise(1, 159990), rate=32000)
    with pytest.warns(UserWarning, match=r'need 160000 \(5.000 s\)\. Its last 1 s are repeated'):
        audio = load(dict(results))['audio'][0]
    assert len(audio) == 160000 and np.array_equal(audio[-10:], audio[-32010:-32000])
    # Less than a second, but some sound: all of it, again and again.
    results = write(tmp_path / 'a.wav', noise(1, 10000), rate=32000)
    with pytest.warns(UserWarning, match='too short'):
        audio = load(dict(results, num_clip_frames=1))['audio'][0]
    assert np.array_equal(audio, np.resize(audio[:10000], 32000))
    with pytest.raises(ValueError, match="hears is 'htsat', expected one of"):
        LoadClipAudio(hears='htsat')


def test_not_even_one_example(tmp_path):
    results = write(tmp_path / 'tiny.wav', noise(1, 15599))
    for on_short in ('error', 'repeat_last'):
        with pytest.raises(ValueError, match=r'tiny\.wav is too short.*not even hold one example'):
            LoadClipAudio(on_short=on_short)(dict(results))


def test_silence_is_checked_like_sound(tmp_path):
    results = write(tmp_path / 'short.wav', noise(1, 20000))
    results['audio_condition'] = 'silence'
    with pytest.raises(ValueError, match='too short'):
        LoadClipAudio()(results)


def test_sound_of_another_clip_is_cut_to_a_second_a_frame(tmp_path):
    results = dict(write(tmp_path / 'long.wav', noise(1, 160000)), clip_id='a')
    assert LoadClipAudio()(dict(results))['audio'].shape == (1, 160000)
    own = LoadClipAudio()(dict(results, audio_clip_id='a'))['audio']
    foreign = LoadClipAudio()(dict(results, audio_clip_id='b'))['audio']
    assert own.shape == (1, 160000) and np.array_equal(foreign, own[:, :80000])
    results['num_clip_frames'] = 1
    assert LoadClipAudio()(dict(results, audio_clip_id='b'))['audio'].shape == (1, 16000)


def test_unknown_on_short():
    with pytest.raises(ValueError, match="on_short is 'pad', expected 'error' or 'repeat_last'"):
        LoadClipAudio(on_short='pad')


def log_mel(tmp_path, array, **kwargs):
    np.save(tmp_path / 'a.npy', array)
    return dict(
        logmel_path=str(tmp_path / 'a.npy'), num_clip_frames=5, frame_indices=[0, 3], **kwargs
    )


@pytest.mark.parametrize('channels', [1, 2])
def test_log_mel_of_the_chosen_frames(tmp_path, channels):
    array = np.random.default_rng(0).standard_normal((5, channels, 96, 64)).astype(np.float32)
    audio = LoadClipLogMel()(log_mel(tmp_path, array))['audio']
    assert np.array_equal(audio, array[[0, 3]])
    silent = LoadClipLogMel()(log_mel(tmp_path, array, audio_condition='silence'))['audio']
    assert silent.shape == audio.shape and np.allclose(silent, math.log(0.01))


def test_log_mel_of_another_clip_and_of_noise(tmp_path):
    array = np.random.default_rng(0).standard_normal((10, 1, 96, 64)).astype(np.float32)
    results = log_mel(tmp_path, array, clip_id='a', audio_clip_id='b')
    assert np.array_equal(LoadClipLogMel()(dict(results))['audio'], array[[0, 3]])
    with pytest.raises(ValueError, match=r'shape \(10, 1, 96, 64\), expected'):
        LoadClipLogMel()(dict(results, audio_clip_id='a'))
    with pytest.raises(ValueError, match=r"'noise' needs waveforms.*Put LoadClipAudio"):
        LoadClipLogMel()(dict(results, audio_condition='noise'))


@pytest.mark.parametrize(
    'array, message',
    [
        (
            np.zeros((4, 1, 96, 64), np.float32),
            'shape (4, 1, 96, 64), expected .* = (5, C, 96, 64)',
        ),
        (np.zeros((5, 96, 64), np.float32), 'shape (5, 96, 64), expected'),
        (np.zeros((5, 1, 64, 96), np.float32), 'shape (5, 1, 64, 96), expected'),
        (np.zeros((5, 1, 96, 64)), 'holds float64, expected finite float32'),
        (np.full((5, 1, 96, 64), np.nan, np.float32), 'expected finite float32'),
        (np.array([{}], dtype=object), 'is damaged or no plain .npy array'),
    ],
)
def test_bad_log_mel_is_named(tmp_path, array, message):
    pattern = r'a\.npy.*' + re.escape(message).replace(re.escape('.*'), '.*')
    with pytest.raises(ValueError, match=pattern):
        LoadClipLogMel()(log_mel(tmp_path, array))


def test_missing_and_broken_log_mel(tmp_path):
    results = dict(logmel_path=str(tmp_path / 'no.npy'), num_clip_frames=5, frame_indices=[0])
    with pytest.raises(FileNotFoundError, match=r'no\.npy\. Convert .*logmel_pkl2npy\.py'):
        LoadClipLogMel()(results)
    with pytest.raises(FileNotFoundError, match='There is no log-mel file None'):
        LoadClipLogMel()({**results, 'logmel_path': None})
    (tmp_path / 'no.npy').write_bytes(b'\x80\x04N.')
    with pytest.raises(ValueError, match=r'no\.npy is damaged or no plain \.npy array'):
        LoadClipLogMel()(results)


@pytest.mark.parametrize('shape', [(2, 100), (3, 2, 96, 64)])
def test_flip_swaps_left_and_right(shape):
    audio = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    axis = 0 if len(shape) == 2 else 1
    flipped = FlipStereo()(dict(audio=audio, flip=True, flip_direction='horizontal'))['audio']
    assert np.array_equal(flipped.take(0, axis), audio.take(1, axis))
    assert np.array_equal(flipped.take(1, axis), audio.take(0, axis))
    for kept in (dict(flip=False, flip_direction=None), dict(flip=True, flip_direction='vertical')):
        assert np.array_equal(FlipStereo()(dict(audio=audio, **kept))['audio'], audio)


@pytest.mark.parametrize('shape', [(1, 100), (3, 1, 96, 64)])
def test_flip_leaves_mono_alone(shape):
    audio = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    flipped = FlipStereo()(dict(audio=audio, flip=True, flip_direction='horizontal'))['audio']
    assert np.array_equal(torch.from_numpy(flipped), audio)


def test_flip_of_stereo_needs_one_flip_and_the_sound():
    with pytest.raises(ValueError, match=r"found no \['audio', 'flip'\]"):
        FlipStereo()({})
    with pytest.raises(ValueError, match='share_random_params=True'):
        FlipStereo()(
            dict(audio=np.zeros((2, 9)), flip=[True, False], flip_direction=['horizontal', None])
        )

# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest

from mmavs.utils.audio_io import resample
from mmavs.utils.audio_stream import AudioWindows, resample_blocks, set_channels
from mmavs.utils.errors import MediaError


def blocks_of(wave, seed=0, count=40):
    cuts = np.sort(np.random.default_rng(seed).integers(0, wave.shape[1], count))
    return np.split(wave, cuts, axis=1)


@pytest.mark.parametrize(
    ('orig', 'new'),
    [(44100, 16000), (48000, 16000), (8000, 16000), (22050, 16000), (192000, 44100)],
)
def test_blocks_equal_the_whole(orig, new):
    wave = np.random.default_rng(1).standard_normal((2, int(orig * 4.37))).astype(np.float32)
    made = list(resample_blocks(blocks_of(wave), orig, new))
    assert len(made) >= 3  # it is a stream, not one block at the end
    np.testing.assert_allclose(np.concatenate(made, 1), resample(wave, orig, new), atol=1e-6)


def test_channels():
    stereo = np.array([[1, 0.5], [0, -0.5]], np.float32)
    np.testing.assert_array_equal(set_channels(stereo, 1), [[0.5, 0]])
    np.testing.assert_array_equal(set_channels(stereo[:1], 2), [[1, 0.5], [1, 0.5]])
    assert set_channels(stereo, 2) is stereo
    with pytest.raises(ValueError, match='channels must be 1 or 2'):
        set_channels(stereo, 3)
    with pytest.raises(MediaError, match='The sound has 4 channels; stereo takes one or two'):
        set_channels(np.repeat(stereo, 2, axis=0), 2)


@pytest.fixture
def ramp():
    return np.arange(5000, dtype=np.float32)[None]


def test_windows(ramp):
    windows = AudioWindows(blocks_of(ramp), 1000, 300, 'ramp')
    wanted = [0, 0, 0.1, 0.95, 0.96, 2.5, 4.7]
    for second in wanted:
        begin, window = windows.at(second)
        assert begin == second
        np.testing.assert_array_equal(window, ramp[:, round(second * 1000) :][:, :300])


def test_windows_move_inside_at_the_ends(ramp):
    windows = AudioWindows(blocks_of(ramp), 1000, 300, 'ramp')
    assert windows.at(-0.5)[0] == 0
    begin, window = windows.at(4.9)
    assert begin == 4.7
    np.testing.assert_array_equal(window, ramp[:, -300:])


def test_silence_behind_the_end(ramp):
    begin, window = AudioWindows(blocks_of(ramp), 1000, 300, 'ramp').at(5.0)
    assert begin == 5.0
    np.testing.assert_array_equal(window, np.zeros((1, 300)))


def test_memory_of_windows_is_bounded(ramp):
    endless = (np.ones((1, 500), np.float32) for _ in range(2000))
    windows = AudioWindows(endless, 1000, 300, 'endless')
    for second in range(900):
        windows.at(second)
        assert windows._held.shape[1] <= 300 + 300 + 1000 + 500


def test_too_short():
    windows = AudioWindows([np.zeros((1, 299), np.float32)], 1000, 300, 'short.wav')
    with pytest.raises(MediaError, match=r'short\.wav: the sound is 0\.299 s long'):
        windows.at(0)

# Copyright (c) mmavs developers. All rights reserved.
import struct
from fractions import Fraction

import numpy as np
import pytest
from toy_media import square_frame, tone, write_video

from mmavs.utils.audio_io import resample
from mmavs.utils.errors import MediaError
from mmavs.utils.video_reader import VideoReader

SIZE = (64, 48)


def grey(level):
    return np.full((SIZE[1], SIZE[0], 3), level, np.uint8)


def sound_of(reader, rate=None, channels=None):
    return np.concatenate(list(reader.iter_audio(rate, channels)), axis=1)


@pytest.mark.parametrize('fps', [25, Fraction(30000, 1001), 10])
def test_frames_and_times(tmp_path, fps):
    levels = [20 + 7 * i for i in range(30)]
    path = write_video(tmp_path / 'v.mp4', map(grey, levels), fps, tone(3, 44100))
    reader = VideoReader(path)
    frames = list(reader.iter_frames())
    assert (reader.info.width, reader.info.height) == SIZE
    assert reader.info.fps == fps
    assert reader.info.sample_rate == 44100 and reader.info.channels == 1
    np.testing.assert_allclose(
        [f.time for f in frames], [i / float(fps) for i in range(30)], atol=1e-3
    )
    np.testing.assert_allclose([f.image.mean() for f in frames], levels, atol=3)
    assert [f.time for f in reader.iter_frames()] == [f.time for f in frames]  # reads again


def test_variable_frame_rate_by_time_stamps(tmp_path):
    pts = [0, 1, 5, 6, 20, 24]
    path = write_video(tmp_path / 'v.mp4', [grey(100)] * 6, 25, tone(1, 16000), 16000, pts=pts)
    frames = list(VideoReader(path).iter_frames())
    np.testing.assert_allclose([f.time for f in frames], [p / 25 for p in pts], atol=1e-3)
    np.testing.assert_allclose(frames[1].duration, 4 / 25, atol=1e-3)


@pytest.mark.parametrize('offset', [0.0, 1.25])
def test_sound_is_aligned_by_time(tmp_path, offset):
    wave = np.zeros((1, 44100), np.float32)
    wave[:, 22050:22150] = 0.9  # a click half a second after the begin of the track
    path = write_video(tmp_path / 'v.mp4', [grey(50)] * 75, 25, wave, audio_offset=offset)
    sound = sound_of(VideoReader(path), 16000, 1)
    assert np.abs(sound[0]).argmax() / 16000 == pytest.approx(0.5 + offset, abs=0.004)


def test_sound_equals_the_whole_resampled(tmp_path):
    """Resampling block by block is that of the whole track, which training hears from a WAV."""
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3 * 44100)).astype(np.float32)
    reader = VideoReader(write_video(tmp_path / 'v.mp4', [grey(50)] * 75, 25, wave))
    native = sound_of(reader)
    assert native.shape[0] == 2 and abs(native.shape[1] - 3 * 44100) < 2048
    whole = resample(native.mean(0, keepdims=True), 44100, 16000)
    np.testing.assert_allclose(sound_of(reader, 16000, 1), whole, atol=1e-6)
    assert sound_of(reader, 16000, 2).shape == (2, whole.shape[1])


def test_rotation_is_applied(tmp_path):
    path = write_video(tmp_path / 'v.mp4', [square_frame(SIZE)] * 5, 25, tone(1, 16000), 16000)
    data = bytearray(path.read_bytes())
    header = data.index(b'tkhd')  # of the first track, the video; its matrix follows 40 bytes of it
    matrix = header + 4 + 40
    assert data[matrix : matrix + 4] == struct.pack('>i', 1 << 16)
    turned = (0, 1 << 16, 0, -(1 << 16), 0, 0, SIZE[1] << 16, 0, 1 << 30)  # 90 degrees clockwise
    data[matrix : matrix + 36] = struct.pack('>9i', *turned)
    path.write_bytes(data)
    reader = VideoReader(path)
    image = next(reader.iter_frames()).image
    assert (reader.info.width, reader.info.height) == SIZE[::-1]
    np.testing.assert_allclose(image, np.rot90(square_frame(SIZE), -1), atol=40)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.mp4'):
        VideoReader(tmp_path / 'nothing.mp4')


def test_no_sound(tmp_path):
    path = write_video(tmp_path / 'silent.mp4', [grey(50)] * 5)
    with pytest.raises(MediaError, match=r'silent\.mp4: has no sound'):
        VideoReader(path)


def test_no_video(tmp_path):
    path = tmp_path / 'text.mp4'
    path.write_text('not a video')
    with pytest.raises(MediaError, match=r'text\.mp4: cannot be opened'):
        VideoReader(path)


def test_index_cut_off(tmp_path):
    path = write_video(tmp_path / 'v.mp4', [grey(50)] * 50, 25, tone(2, 16000), 16000)
    path.write_bytes(path.read_bytes()[:-2000])  # moov, at the end
    with pytest.raises(MediaError, match='truncated'):
        VideoReader(path)


def test_pictures_cut_off(tmp_path):
    """The index is whole, at the front, but half of the pictures are not there."""
    rng = np.random.default_rng(0)
    frames = (rng.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8) for _ in range(150))
    path = write_video(tmp_path / 'v.mov', frames, 25, tone(6, 16000), 16000, faststart=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match='truncated'):
        list(VideoReader(path).iter_frames())


def test_sound_with_nan_is_an_error(tmp_path, monkeypatch):
    reader = VideoReader(
        write_video(tmp_path / 'v.mp4', [grey(50)] * 25, 25, tone(1, 16000), 16000)
    )
    blocks = [tone(1, 16000), np.full((1, 100), np.nan, np.float32)]
    monkeypatch.setattr(reader, '_native_audio', lambda: iter(blocks))
    with pytest.raises(MediaError, match=r'v\.mp4 holds NaN or infinite samples'):
        sound_of(reader, 16000, 1)

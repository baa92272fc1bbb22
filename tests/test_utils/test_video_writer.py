# Copyright (c) mmavs developers. All rights reserved.
"""VideoWriter's files, read back with PyAV."""

import resource
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from mmavs.utils.video_writer import VideoWriter, as_frame_rate


def gradient(index, width=64, height=48):
    y, x = np.mgrid[:height, :width]
    frame = np.stack([4 * x, 5 * y, 255 - 2 * x - y], axis=-1) * (0.6 + 0.4 * (index % 2))
    return np.clip(frame, 0, 255).astype(np.uint8)


def sine(start, count, rate, channels, hertz=(440.0, 1000.0)):
    times = np.arange(start, start + count) / rate
    tones = [0.5 * np.sin(2 * np.pi * tone * times) for tone in hertz]
    return np.stack(tones[:channels]).astype(np.float32)


def write(path, fps, num_frames, rate=None, channels=2, size=(64, 48), **kwargs):
    with VideoWriter(path, fps, size, rate, channels, **kwargs) as writer:
        for index in range(num_frames):
            writer.write_frame(gradient(index, *size))
            if rate:
                start, end = (int(step * rate / as_frame_rate(fps)) for step in (index, index + 1))
                writer.write_audio(sine(start, end - start, rate, channels))
    return path


def read(path):
    with av.open(str(path)) as container:
        frames = [(f.time, f.to_ndarray(format='rgb24')) for f in container.decode(video=0)]
    sound = None
    with av.open(str(path)) as container:
        if container.streams.audio:
            pieces = [f.to_ndarray() for f in container.decode(audio=0)]
            sound = np.concatenate(pieces, axis=1)
    return frames, sound


@pytest.mark.parametrize('fps', [25, Fraction(30000, 1001), 29.97002997, 8])
@pytest.mark.parametrize(('rate', 'channels'), [(44100, 2), (16000, 1)])
def test_round_trip(tmp_path, fps, rate, channels):
    exact = {25: Fraction(25), 8: Fraction(8)}.get(fps, Fraction(30000, 1001))
    path = write(tmp_path / 'clip.mp4', fps, 60, rate, channels)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ('h264', 'aac')
        assert video.codec_context.pix_fmt == 'yuv420p'
        assert video.average_rate == exact
        assert (video.frames, video.width, video.height) == (60, 64, 48)
        assert (audio.rate, audio.channels) == (rate, channels)
        seconds = float(60 / exact)
        assert container.duration / 1e6 == pytest.approx(seconds, abs=0.05)
    frames, sound = read(path)
    assert len(frames) == 60
    for index, (time, frame) in enumerate(frames):
        assert time == pytest.approx(float(index / exact), abs=1e-3)
        assert np.abs(frame.astype(int) - gradient(index)).mean() < 3
    assert sound.shape == (channels, pytest.approx(seconds * rate, abs=2200))
    for channel, hertz in zip(sound, (440.0, 1000.0)):
        middle = channel[rate // 2 : rate // 2 + rate] * np.hanning(rate)
        peak = np.abs(np.fft.rfft(middle)).argmax()
        assert peak == pytest.approx(hertz, abs=1)
        assert np.sqrt(2) * np.std(channel[rate // 2 : rate]) == pytest.approx(0.5, rel=0.1)


def test_sound_and_picture_start_together(tmp_path):
    """A click at 1 s is heard at 1 s: the encoder's delay is taken out by the player."""
    rate, path = 44100, tmp_path / 'click.mp4'
    sound = np.zeros((2, 2 * rate), np.float32)
    sound[:, rate : rate + 200] = 0.8
    with VideoWriter(path, 25, (64, 48), rate) as writer:
        for index in range(50):
            writer.write_frame(gradient(index))
            writer.write_audio(sound[:, index * 1764 : (index + 1) * 1764])
    with av.open(str(path)) as container:
        heard = np.zeros(3 * rate)
        for frame in container.decode(audio=0):
            start = round(frame.time * rate)
            piece = np.abs(frame.to_ndarray()[0])
            heard[max(start, 0) : start + len(piece)] = piece[max(-start, 0) :]
    assert np.flatnonzero(heard > 0.3)[0] == pytest.approx(rate, abs=100)


def test_colours_survive(tmp_path):
    colors = np.array([[230, 20, 20], [20, 200, 30], [30, 40, 220], [240, 240, 240], [10, 10, 10]])
    frame = np.repeat(colors, 16, axis=0)[None].repeat(32, axis=0).astype(np.uint8)
    with VideoWriter(tmp_path / 'c.mp4', 5, (80, 32)) as writer:
        for _ in range(5):
            writer.write_frame(frame)
    shown = read(tmp_path / 'c.mp4')[0][2][1]
    centres = shown[16, 8::16].astype(int)
    assert np.abs(centres - colors).max() <= 6


def test_without_sound(tmp_path):
    frames, sound = read(write(tmp_path / 'mute.mp4', 10, 7))
    assert (len(frames), sound) == (7, None)


def test_sound_in_one_piece_and_in_scraps(tmp_path):
    for name, cuts in (('one', [0, 32000]), ('many', [0, 7, 7, 900, 5000, 5001, 32000])):
        with VideoWriter(tmp_path / f'{name}.mp4', 10, (64, 48), 16000, 1) as writer:
            for index in range(20):
                writer.write_frame(gradient(index))
            for start, end in zip(cuts[:-1], cuts[1:]):
                writer.write_audio(sine(start, end - start, 16000, 1))
    sounds = [read(tmp_path / f'{name}.mp4')[1] for name in ('one', 'many')]
    np.testing.assert_allclose(*sounds, atol=1e-6)


def test_odd_sizes(tmp_path):
    with pytest.raises(ValueError, match=r'even width and height.*\(63, 47\).*pad_odd'):
        VideoWriter(tmp_path / 'odd.mp4', 25, (63, 47))
    assert not (tmp_path / 'odd.mp4').exists()
    frames, _ = read(write(tmp_path / 'odd.mp4', 25, 3, size=(63, 47), pad_odd=True))
    assert frames[0][1].shape == (48, 64, 3)
    assert np.abs(frames[0][1][:47, :63].astype(int) - gradient(0, 63, 47)).mean() < 4


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        VideoWriter(tmp_path / 'nowhere' / 'a.mp4', 25, (64, 48))
    with pytest.raises(ValueError, match='fps=0'):
        VideoWriter(tmp_path / 'a.mp4', 0, (64, 48))
    with pytest.raises(ValueError, match='channels=6'):
        VideoWriter(tmp_path / 'a.mp4', 25, (64, 48), 16000, 6)
    with pytest.raises(ValueError, match='no sample_rate=37000.*44100'):
        VideoWriter(tmp_path / 'a.mp4', 25, (64, 48), 37000)
    with pytest.raises(ValueError, match='must be positive'):
        VideoWriter(tmp_path / 'a.mp4', 25, (0, 48))
    with VideoWriter(tmp_path / 'a.mp4', 25, (64, 48)) as writer:
        with pytest.raises(ValueError, match=r'frame 0 is uint8 \(64, 48, 3\)'):
            writer.write_frame(np.zeros((64, 48, 3), np.uint8))
        with pytest.raises(ValueError, match='float64'):
            writer.write_frame(np.zeros((48, 64, 3)))
        with pytest.raises(ValueError, match='without sound'):
            writer.write_audio(np.zeros((2, 10), np.float32))
        writer.write_frame(gradient(0))
    with VideoWriter(tmp_path / 'b.mp4', 25, (64, 48), 16000, 2) as writer:
        with pytest.raises(ValueError, match=r'expected \(2, n\)'):
            writer.write_audio(np.zeros((1, 10), np.float32))
        writer.write_frame(gradient(0))
    writer.close()
    assert len(read(tmp_path / 'a.mp4')[0]) == 1


def test_what_was_written_before_an_exception_can_be_played(tmp_path):
    with pytest.raises(KeyError), VideoWriter(tmp_path / 'cut.mp4', 25, (64, 48)) as writer:
        for index in range(30):
            writer.write_frame(gradient(index))
        raise KeyError('stop')
    assert len(read(tmp_path / 'cut.mp4')[0]) == 30


def resident_bytes():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc/self/statm')
def test_memory_does_not_grow_with_the_length(tmp_path):
    """1000 frames of 320 x 240 are 230 MB raw; the process may grow by a small part of that."""
    frame, sound = gradient(0, 320, 240), np.zeros((1, 640), np.float32)
    sizes = []
    with VideoWriter(tmp_path / 'long.mp4', 25, (320, 240), 16000, 1) as writer:
        for index in range(1200):
            writer.write_frame(frame)
            writer.write_audio(sound)
            if index in (200, 1199):
                sizes.append(resident_bytes())
    assert sizes[1] - sizes[0] < 20e6

# Copyright (c) mmavs developers. All rights reserved.
import itertools
from fractions import Fraction

import numpy as np
import pytest

from mmavs.apis.clip_stream import benchmark_slots, dense_slots, iter_clips, pick_frames
from mmavs.utils.video_reader import MediaInfo, TimedFrame


class RampMedia:
    """Frame n is filled with n; sample n of the sound is n / rate, its second."""

    listen_offset = 0.0

    def __init__(self, seconds, fps=25, sound_seconds=None):
        self.fps = Fraction(fps)
        self.count = round(seconds * self.fps)
        self.sound_seconds = seconds if sound_seconds is None else sound_seconds
        self.info = MediaInfo('ramp', 4, 4, self.fps, seconds, 16000, 1)

    def iter_frames(self):
        for n in range(self.count):
            yield TimedFrame(float(n / self.fps), float(1 / self.fps), np.full((4, 4, 3), n % 256))

    def iter_audio(self, sample_rate, channels):
        total = round(self.sound_seconds * sample_rate)
        for start in range(0, total, 5000):
            yield np.arange(start, min(start + 5000, total))[None] / sample_rate


def chosen(fps, seconds, slots):
    media = RampMedia(seconds, fps)
    return [round(frame.time * media.fps) for _, frame in pick_frames(media.iter_frames(), slots)]


@pytest.mark.parametrize('fps', [25, Fraction(30000, 1001), 24, 10, 50, Fraction(15, 1), 1])
def test_frames_of_a_benchmark_clip(fps):
    """AVSBench's preprocessing script, written out: the last of 16 samples a second."""
    count = round(5 * Fraction(fps))
    rounded = round(fps)
    official = [
        min([int(second * rounded + (i / 16) * rounded) for i in range(16)][15], count - 1)
        for second in range(5)
    ]
    assert chosen(fps, 5, benchmark_slots(Fraction(fps), 5)) == official


def test_sound_of_benchmark_clips():
    clips = list(iter_clips(RampMedia(10), 16000, 15600))
    assert [clip.index for clip in clips] == [0, 5]
    for clip, start in zip(clips, (0, 5)):
        begins = [start + 0.96 * k for k in range(5)]
        np.testing.assert_allclose(clip.heard_from, begins, atol=1e-4)
        assert clip.windows.shape == (5, 1, 15600)
        np.testing.assert_allclose(clip.windows[:, 0, 0], begins, atol=1e-4)
        np.testing.assert_allclose(clip.windows[:, 0, -1], np.add(begins, 0.975), atol=1e-3)


def test_sound_of_whole_seconds():
    """Of an encoder that hears second k with frame k."""
    first, second = iter_clips(RampMedia(10), 16000, 16000, step=1.0)
    np.testing.assert_allclose([*first.heard_from, *second.heard_from], range(10), atol=1e-4)
    np.testing.assert_allclose(second.windows[:, 0, 0], range(5, 10), atol=1e-4)


def test_long_ntsc_video_does_not_drift():
    slots = itertools.islice(benchmark_slots(Fraction(30000, 1001), 5), 3600)
    for slot in slots:
        assert slot.start < slot.time < slot.start + 1.04
        assert abs(slot.hear_from - slot.start) <= 0.04 * 4 + 1e-9


@pytest.mark.parametrize('rate', [1, 2, 5, 25])
def test_dense_frames_hear_what_is_around_them(rate):
    media = RampMedia(6)
    clips = list(iter_clips(media, 16000, 15600, clip_frames=4, fps=rate))
    times = [time for clip in clips for time in clip.times]
    begins = [begin for clip in clips for begin in clip.heard_from]
    assert len(times) == 6 * rate
    for k, (time, begin) in enumerate(zip(times, begins)):
        assert k / rate <= time < (k + 1) / rate
        expected = min(max(time - 0.9375, 0), 6 - 0.975)  # moved inside at the ends
        assert begin == pytest.approx(expected, abs=1e-4)
        if begin > 0 and begin < 5:
            assert begin < time < begin + 0.975
    for clip in clips:
        np.testing.assert_allclose(clip.windows[:, 0, 0], clip.heard_from, atol=1e-4)


def test_slots_denser_than_frames_repeat_the_frame():
    assert chosen(2, 2, dense_slots(4)) == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ('seconds', 'count'), [(5.0, 5), (5.2, 5), (5.52, 6), (4.96, 5), (4.6, 5), (4.4, 4), (0.2, 1)]
)
def test_last_second(seconds, count):
    assert len(chosen(25, seconds, benchmark_slots(Fraction(25), 5))) == count


def test_slow_pictures_are_taken_every_second():
    assert chosen(Fraction(1, 4), 8, benchmark_slots(Fraction(1, 4), 5)) == [0] * 4 + [1] * 4


def test_sound_shorter_than_the_pictures():
    clips = list(iter_clips(RampMedia(5, sound_seconds=2.5), 16000, 15600))
    np.testing.assert_allclose(clips[0].heard_from, [0, 0.96, 1.525, 2.88, 3.84], atol=1e-4)
    assert (clips[0].windows[3:] == 0).all() and (clips[0].windows[2] > 1.5).any()


@pytest.mark.parametrize('options', [dict(fps=0), dict(fps=-1), dict(clip_frames=0)])
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        next(iter_clips(RampMedia(2), 16000, 15600, **options))

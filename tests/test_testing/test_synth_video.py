# Copyright (c) mmavs developers. All rights reserved.
"""Synthetic videos: what is in the file is what the truth says."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from mmavs.testing import SynthAVS


def test_video_and_truth(tmp_path):
    synth = SynthAVS(image_size=64, seed=1, switch_prob=1.0)
    fps = Fraction(30000, 1001)
    truth = synth.write_video(
        tmp_path / 'new' / 'clip.mp4', subset='ms3', seconds=4, size=(64, 96), fps=fps, index=2
    )
    with av.open(str(truth.path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.average_rate, video.width, video.height) == (fps, 96, 64)
        assert (audio.rate, audio.channels) == (44100, 2)
        assert container.duration / 1e6 == pytest.approx(4, abs=0.05)
        frames = [(f.time, f.to_ndarray(format='rgb24')) for f in container.decode(video=0)]
    assert len(frames) == 120
    clip = synth.clip('ms3', 'video', 2, size=(64, 96), seconds=4, period=2.0)
    for time, mask, names in zip(truth.times, truth.masks, truth.sounding):
        shown = min(frames, key=lambda frame: abs(frame[0] - time))
        assert shown[0] == pytest.approx(time, abs=1e-3)
        picture, owners = clip.scene.render(time)
        assert np.abs(shown[1].astype(int) - picture).mean() < 8
        members = [index for index, name in enumerate(truth.classes) if name in names]
        np.testing.assert_array_equal(mask, 255 * np.isin(owners, members))
    assert truth.times == pytest.approx([0.9375, 1.9375, 2.9375, 3.9375], abs=1 / 29)
    assert truth.segments[0]['start'] == 0
    assert truth.segments[-1]['end'] == pytest.approx(4, abs=0.05)
    assert 0.3 < truth.ceiling < 0.6

    folder = truth.save(tmp_path / 'truth')
    saved = json.loads((folder / 'truth.json').read_text())
    assert [frame['sounding'] for frame in saved['frames']] == truth.sounding
    for frame, mask in zip(saved['frames'], truth.masks):
        np.testing.assert_array_equal(np.asarray(Image.open(folder / frame['mask'])), mask)


def test_s4_video_has_one_sound_throughout_and_times_can_be_chosen(tmp_path):
    truth = SynthAVS(image_size=32).write_video(
        tmp_path / 'a.mp4', seconds=1.5, fps=10, mask_times=[0.0, 0.55, 1.49]
    )
    assert truth.times == pytest.approx([0.0, 0.5, 1.4])
    assert {tuple(names) for names in truth.sounding} == {tuple(truth.segments[0]['sounding'])}
    assert len(truth.segments) == 1
    assert len(truth.segments[0]['sounding']) == 1


def test_twins_pulse_in_videos(tmp_path):
    synth = SynthAVS(image_size=48, seed=1, twins=1)
    truth = synth.write_video(tmp_path / 'a.mp4', subset='ms3', seconds=4, fps=10)
    clip = synth.clip('ms3', 'video', 0, seconds=4, period=2.0)
    assert len(truth.classes) == 3
    assert len(set(truth.classes)) == 2
    for time, mask in zip(truth.times, truth.masks):
        _, owners = clip.scene.render(time, clip.pulse.scales_at(time))
        np.testing.assert_array_equal(mask, clip.truth(owners, clip.timeline.state_at(time)))


def test_errors_leave_no_file(tmp_path):
    synth = SynthAVS(image_size=32)
    with pytest.raises(ValueError, match=r'mask_times \[7\] lie outside'):
        synth.write_video(tmp_path / 'a.mp4', seconds=2, mask_times=[1, 7])
    with pytest.raises(ValueError, match='even width and height'):
        synth.write_video(tmp_path / 'a.mp4', seconds=2, size=(33, 32))
    with pytest.raises(ValueError, match='channels=3'):
        synth.write_video(tmp_path / 'a.mp4', seconds=2, channels=3)
    assert not (tmp_path / 'a.mp4').exists()

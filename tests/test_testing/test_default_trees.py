# Copyright (c) mmavs developers. All rights reserved.
"""With default knobs the trees are those of version 1, on which published numbers rest.

``tests/data/synth_version1.npz`` holds parts of trees that commit df5553e wrote. Pictures may
differ by one grey level and sounds by two steps of 16 bits, should another Pillow or numpy round
otherwise; random numbers drawn in another order change everything.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmavs.testing import SynthAVS

FILE = Path(__file__).parents[1] / 'data' / 'synth_version1.npz'
STEP = 199


@pytest.fixture(scope='module')
def expected():
    with np.load(FILE, allow_pickle=False) as archive:
        return dict(archive)


def pixels(path):
    return np.asarray(Image.open(path))


def assert_pictures_match(ours, theirs):
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def assert_masks_match(ours, packed):
    theirs = np.unpackbits(packed).reshape(ours.shape) > 0
    assert (ours != theirs).sum() <= 2


def assert_waves_match(path, theirs):
    ours = soundfile.read(path, dtype='int16', always_2d=True)[0][::STEP].T
    assert np.abs(ours.squeeze().astype(int) - theirs).max() <= 2


def test_s4(expected, tmp_path):
    SynthAVS(image_size=48, seed=5).write_s4(tmp_path / 's4', {'test': 2})
    name = f'test/{expected["s4_category"]}/s4_test_00001'
    data = tmp_path / 's4' / 's4_data'
    frame = pixels(data / 'visual_frames' / name / 's4_test_00001_5.png')
    assert_pictures_match(frame[::2, ::2], expected['s4_frame'])
    mask = pixels(data / 'gt_masks' / name / 's4_test_00001_5.png')
    assert_masks_match(mask > 0, expected['s4_mask'])
    assert_waves_match(data / 'audio_wav' / f'{name}.wav', expected['s4_wave'])


def test_ms3(expected, tmp_path):
    knobs = dict(num_objects=(2, 4), channels=2, seed=1, sample_rate=22050)
    SynthAVS(image_size=32, **knobs).write_ms3(tmp_path / 'ms3', {'train': 3})
    name, data = 'ms3_train_00002', tmp_path / 'ms3' / 'ms3_data'
    frame = pixels(data / 'visual_frames' / name / f'{name}.mp4_3.png')
    assert_pictures_match(frame[::2, ::2], expected['ms3_frame'])
    for k, packed in enumerate(expected['ms3_masks'], start=1):
        mask = pixels(data / 'gt_masks' / 'train' / name / f'{name}_{k}.png')
        assert_masks_match(mask > 0, packed)
    assert_waves_match(data / 'audio_wav' / 'train' / f'{name}.wav', expected['ms3_wave'])

# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX
from mmavs.testing.tiny import random_clip

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@pytest.fixture
def preprocessor():
    return MODELS.build(dict(type='AVSDataPreprocessor'))


def test_normalises_as_torchvision_does(preprocessor):
    clip = random_clip()
    found = preprocessor(pseudo_collate([clip]))['inputs']['imgs'][0]
    expected = (clip['inputs']['imgs'] / 255 - MEAN) / STD
    assert torch.allclose(found, expected, atol=1e-5)


def test_pads_time_and_space(preprocessor):
    clips = [random_clip(5, (64, 96)), random_clip(3, (50, 70))]
    data = preprocessor(pseudo_collate(clips), training=True)
    assert data['inputs']['imgs'].shape == (2, 5, 3, 64, 96)
    assert data['inputs']['audio'].shape == (2, 5, 1, 96, 64)
    assert data['inputs']['imgs'][1, 3:].abs().max() == 0
    assert data['inputs']['imgs'][1, :, :, 50:].abs().max() == 0
    sample = data['data_samples'][1]
    assert sample.frame_valid.tolist() == [True, True, True, False, False]
    assert sample.frame_annotated.tolist() == [True, True, True, False, False]
    label = sample.gt_sem_seg.data
    assert label.shape == (5, 64, 96)
    assert (label[3:] == IGNORE_INDEX).all()
    assert (label[:, 50:] == IGNORE_INDEX).all()
    assert (label[:, :, 70:] == IGNORE_INDEX).all()
    assert (label[:3, :50, :70] != IGNORE_INDEX).all()


def test_labels_keep_their_size_in_a_test(preprocessor):
    clips = [random_clip(5, (64, 96)), random_clip(3, (50, 70))]
    sample = preprocessor(pseudo_collate(clips), training=False)['data_samples'][1]
    assert sample.gt_sem_seg.data.shape == (5, 50, 70)


def test_waveforms_are_padded_with_zeros(preprocessor):
    clips = [random_clip(5, waveform=True), random_clip(3, waveform=True)]
    audio = preprocessor(pseudo_collate(clips))['inputs']['audio']
    assert audio.shape == (2, 1, 15600 + 4 * 15360)
    assert audio[1, :, 15600 + 2 * 15360 :].abs().max() == 0


@pytest.mark.parametrize('waveform', [False, True])
def test_clips_of_training_get_a_least_length(waveform):
    preprocessor = MODELS.build(dict(type='AVSDataPreprocessor', min_frames=10))
    clips = pseudo_collate([random_clip(n, waveform=waveform) for n in (5, 3)])
    data = preprocessor(clips, training=True)
    assert data['inputs']['imgs'].shape[:2] == (2, 10)
    assert data['inputs']['audio'].shape[1:] == ((1, 77040) if waveform else (10, 1, 96, 64))
    for sample, frames in zip(data['data_samples'], (5, 3)):
        assert sample.frame_valid.sum() == sample.frame_annotated.sum() == frames
        assert sample.gt_sem_seg.data.shape == (10, 64, 96)
        assert (sample.gt_sem_seg.data[frames:] == IGNORE_INDEX).all()


@pytest.mark.parametrize(('training', 'frames', 'expected'), [(False, 5, 5), (True, 12, 12)])
def test_least_length_is_of_training_and_cuts_nothing(training, frames, expected):
    preprocessor = MODELS.build(dict(type='AVSDataPreprocessor', min_frames=10))
    data = preprocessor(pseudo_collate([random_clip(frames)]), training)
    assert data['inputs']['imgs'].shape[1] == data['inputs']['audio'].shape[1] == expected


def test_least_length_must_be_positive():
    with pytest.raises(ValueError, match='min_frames must be at least 1, got 0'):
        MODELS.build(dict(type='AVSDataPreprocessor', min_frames=0))


def test_mixed_audio_is_refused(preprocessor):
    clips = [random_clip(waveform=True), random_clip(waveform=False)]
    with pytest.raises(ValueError, match='do not mix waveforms and log-mels'):
        preprocessor(pseudo_collate(clips))

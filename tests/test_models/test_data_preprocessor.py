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


def test_mixed_audio_is_refused(preprocessor):
    clips = [random_clip(waveform=True), random_clip(waveform=False)]
    with pytest.raises(ValueError, match='do not mix waveforms and log-mels'):
        preprocessor(pseudo_collate(clips))

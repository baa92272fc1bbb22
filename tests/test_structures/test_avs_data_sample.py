# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmavs.structures import AVSDataSample


@pytest.fixture
def sample():
    sample = AVSDataSample(metainfo=dict(clip_id='dog', img_paths=['0.png', '1.png', '2.png']))
    sample.gt_sem_seg = PixelData(data=torch.arange(3)[:, None, None].expand(3, 4, 5).clone())
    sample.frame_valid = torch.tensor([True, True, False])
    sample.frame_annotated = torch.tensor([True, False, False])
    return sample


def test_frame_is_an_ordinary_sample(sample):
    sample.pred_scores = PixelData(data=torch.rand(3, 4, 5))
    frame = sample.frame(1)
    assert type(frame) is SegDataSample
    assert frame.gt_sem_seg.data.shape == (1, 4, 5)
    assert (frame.gt_sem_seg.data == 1).all()
    assert torch.equal(frame.pred_scores.data[0], sample.pred_scores.data[1])
    assert frame.metainfo == dict(clip_id='dog', img_path='1.png', frame_index=1)


def test_no_such_frame(sample):
    with pytest.raises(IndexError, match='has 3 frames, there is no frame 3'):
        sample.frame(3)


@pytest.mark.parametrize('flags', [torch.ones(3), torch.ones(3, 1, dtype=torch.bool)])
def test_flags_are_checked(sample, flags):
    with pytest.raises(TypeError, match=r'frame_valid must be a \(T,\) bool tensor'):
        sample.frame_valid = flags


def test_moves_and_converts_to_a_dict(sample):
    sample.gt_audio_labels = torch.rand(2)
    moved = sample.to('cpu').to_dict()
    assert moved['frame_valid'].tolist() == [True, True, False]
    assert moved['gt_sem_seg']['data'].shape == (3, 4, 5)
    assert moved['gt_audio_labels'].shape == (2,)


def test_number_of_frames(sample):
    assert sample.num_frames == 3
    del sample.frame_valid, sample.frame_annotated
    assert sample.num_frames == 3
    with pytest.raises(ValueError, match='has no number of frames'):
        _ = AVSDataSample().num_frames

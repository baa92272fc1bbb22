# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch

from mmavs.datasets.transforms import PackAVSInputs
from mmavs.structures import AVSDataSample


def results(num_frames=3, **kwargs):
    rng = np.random.default_rng(0)
    return dict(
        imgs=[rng.integers(0, 256, (4, 6, 3), np.uint8) for _ in range(num_frames)],
        audio=rng.standard_normal((1, 50)).astype(np.float32),
        clip_id='clip',
        img_paths=['0.png', '1.png', '2.png'],
        mask_paths=['0.png', None, '2.png'],
        frame_indices=[0, 1, 2],
        num_clip_frames=5,
        sample_rate=16000,
        **kwargs,
    )


def test_packed_clip():
    given = results(gt_seg_maps=[np.full((4, 6), value, np.uint8) for value in (1, 255, 0)])
    packed = PackAVSInputs()(dict(given))
    imgs, audio = packed['inputs']['imgs'], packed['inputs']['audio']
    assert imgs.shape == (3, 3, 4, 6) and imgs.dtype == torch.uint8 and imgs.is_contiguous()
    for frame, img in zip(imgs, given['imgs']):
        assert np.array_equal(frame.permute(1, 2, 0).numpy(), img)
    assert audio.dtype == torch.float32 and np.array_equal(audio.numpy(), given['audio'])
    sample = packed['data_samples']
    assert isinstance(sample, AVSDataSample)
    assert sample.gt_sem_seg.data.shape == (3, 4, 6)
    assert sample.gt_sem_seg.data.dtype == torch.int64
    assert sample.gt_sem_seg.data[:, 0, 0].tolist() == [1, 255, 0]
    assert sample.frame_annotated.tolist() == [True, False, True]
    assert sample.frame_valid.tolist() == [True, True, True]
    assert sample.metainfo == {
        key: given[key]
        for key in ('clip_id', 'img_paths', 'frame_indices', 'num_clip_frames', 'sample_rate')
    }


def test_without_ground_truth():
    packed = PackAVSInputs(meta_keys=('clip_id', 'flip'))(results(flip=True))
    sample = packed['data_samples']
    assert 'gt_sem_seg' not in sample
    assert sample.frame_annotated.tolist() == [False] * 3
    assert sample.metainfo == dict(clip_id='clip', flip=True)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(imgs=None), 'no "imgs": put LoadClipFrames before PackAVSInputs'),
        (dict(audio=None), 'no "audio": put LoadClipAudio or LoadClipLogMel'),
        (dict(audio=np.zeros((2, 1, 96, 64), np.float32)), '3 frames, but 2 log-mel examples'),
        (dict(imgs=[np.zeros((4, 6, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)]), 'share_random'),
        (dict(gt_seg_maps=[np.zeros((4, 5), np.uint8)] * 3), 'changed one and not the other'),
    ],
)
def test_what_does_not_fit(change, message):
    given = {**results(), **change}
    given = {key: value for key, value in given.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        PackAVSInputs()(given)


def test_maskiges_are_a_second_stream():
    rng = np.random.default_rng(1)
    maskiges = [rng.integers(0, 256, (4, 6, 3), np.uint8) for _ in range(3)]
    inputs = PackAVSInputs()(results(maskiges=maskiges))['inputs']
    assert inputs['maskige'].dtype == torch.uint8 and inputs['maskige'].shape == (3, 3, 4, 6)
    assert np.array_equal(inputs['maskige'].permute(0, 2, 3, 1).numpy(), np.stack(maskiges))
    with pytest.raises(ValueError, match=r'the Maskiges \(2, 3, 4, 6\): a transform changed one'):
        PackAVSInputs()(results(maskiges=maskiges[:2]))


def test_masks_of_another_size_where_the_loader_allows_it():
    masks = [np.zeros((2, 3), np.uint8)] * 3
    sample = PackAVSInputs()(results(gt_seg_maps=masks, masks_fit=False))['data_samples']
    assert sample.gt_sem_seg.data.shape == (3, 2, 3)
    with pytest.raises(ValueError, match='changed one and not the other'):
        PackAVSInputs()(results(gt_seg_maps=masks[:2], masks_fit=False))


def test_sounding_classes_of_the_annotated_masks():
    masks = [np.full((4, 6), value, np.uint8) for value in (3, 255, 1)]
    masks[2][0, 0] = 255
    given = results(gt_seg_maps=masks, num_classes=5)
    sample = PackAVSInputs()(given)['data_samples']
    assert sample.gt_audio_labels.tolist() == [0, 1, 0, 1, 0]
    given['mask_paths'] = ['0.png', None, None]  # frame 2 is not annotated
    assert PackAVSInputs()(given)['data_samples'].gt_audio_labels.tolist() == [0, 0, 0, 1, 0]
    given['sounding_classes'] = [0, 4]
    assert PackAVSInputs()(given)['data_samples'].gt_audio_labels.tolist() == [1, 0, 0, 0, 1]
    given['sounding_classes'] = [5]
    with pytest.raises(ValueError, match='Class 5 sounds, but the classes are 0 to 4'):
        PackAVSInputs()(given)


def test_sounding_classes_without_masks():
    assert 'gt_audio_labels' not in PackAVSInputs()(results(num_classes=5))['data_samples']
    given = results(num_classes=3, sounding_classes=[2])
    assert PackAVSInputs()(given)['data_samples'].gt_audio_labels.tolist() == [0, 0, 1]


def test_sounding_categories_beside_the_classes_of_the_masks():
    masks = [np.full((4, 6), value, np.uint8) for value in (1, 255, 0)]
    given = results(gt_seg_maps=masks, num_audio_classes=4, sounding_classes=[3])
    assert PackAVSInputs()(given)['data_samples'].gt_audio_labels.tolist() == [0, 0, 0, 1]
    given['num_classes'] = 2
    assert PackAVSInputs()(given)['data_samples'].gt_audio_labels.tolist() == [0, 0, 0, 1]

# Copyright (c) mmavs developers. All rights reserved.
"""The two object benchmarks on trees in the official layout."""

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.registry import DATASETS as ROOT_DATASETS
from torch.utils.data import DataLoader

from mmavs.datasets import AVSBenchMS3Dataset, AVSBenchS4Dataset
from mmavs.datasets.avsbench_s4 import S4_AUDIO_CATEGORIES
from mmavs.datasets.sound_groups import GROUP_OF, S4_CATEGORIES
from mmavs.registry import DATASETS


def relative(paths, root):
    return [path if path is None else path[len(str(root)) + 1 :] for path in paths]


def test_s4_paths_of_a_training_clip(s4_root):
    dataset = AVSBenchS4Dataset(data_root=str(s4_root), split='train')
    info = dataset[0]
    folder = 's4_data/visual_frames/train/dog/-a_1'
    assert relative(info['img_paths'], s4_root) == [f'{folder}/-a_1_{k}.png' for k in range(1, 6)]
    masks = relative(info['mask_paths'], s4_root)
    assert masks == ['s4_data/gt_masks/train/dog/-a_1/-a_1_1.png'] + [None] * 4
    assert relative([info['audio_path'], info['logmel_path']], s4_root) == [
        's4_data/audio_wav/train/dog/-a_1.wav',
        's4_data/audio_log_mel/train/dog/-a_1.npy',
    ]
    assert (info['clip_id'], info['category'], info['split']) == ('dog/-a_1', 'dog', 'train')
    assert (info['frame_indices'], info['num_clip_frames']) == ([0, 1, 2, 3, 4], 5)
    assert dataset[2]['audio_path'].endswith('c.d.wav')  # a dot in the name is no suffix


def test_ms3_paths(ms3_root):
    info = AVSBenchMS3Dataset(data_root=str(ms3_root), split='test')[0]
    assert relative(info['img_paths'], ms3_root)[4] == 'ms3_data/visual_frames/z/z.mp4_5.png'
    assert relative(info['mask_paths'], ms3_root)[4] == 'ms3_data/gt_masks/test/z/z_5.png'
    assert relative([info['audio_path']], ms3_root) == ['ms3_data/audio_wav/test/z.wav']
    assert info['frame_indices'] == [0, 1, 2, 3, 4]


def test_maskiges_where_the_prefix_names_them(s4_root, ms3_root):
    info = AVSBenchS4Dataset(
        data_root=str(s4_root), split='val', data_prefix=dict(maskige_path='sam')
    )[0]
    assert relative(info['maskige_paths'], s4_root)[4] == 'sam/val/dog/f/f_5_mask_color.png'
    info = AVSBenchMS3Dataset(
        data_root=str(ms3_root), split='test', data_prefix=dict(maskige_path='sam')
    )[0]
    assert relative(info['maskige_paths'], ms3_root)[4] == 'sam/z/z.mp4_5_mask_color.png'
    assert 'maskige_paths' not in AVSBenchMS3Dataset(data_root=str(ms3_root), split='test')[0]


def test_categories_of_s4_become_audio_labels(tmp_path, make, pipeline):
    clips = [('a', 0, 'helicopter', 'train'), ('b', 0, 'playing_violin', 'train')]
    clips += [('c', 0, 'race_car', 'train'), ('d', 0, 'star_chime', 'val')]
    kwargs = dict(data_root=str(make.s4(tmp_path, clips)), pipeline=pipeline)
    train = AVSBenchS4Dataset(split='train', categories='official', **kwargs)
    assert [train.get_data_info(i)['sounding_classes'] for i in range(3)] == [[0], [3], [22]]
    sample = train[1]['data_samples']
    assert torch.equal(sample.gt_audio_labels, torch.eye(23)[3])  # VCT's id 4 counts from 1
    assert sample.gt_sem_seg.data[0].unique().tolist() == [0, 1]  # the masks are as they were
    val = AVSBenchS4Dataset(split='val', categories=['ring_siren', 'star_chime'], **kwargs)
    assert val[0]['data_samples'].gt_audio_labels.tolist() == [0, 1]
    assert 'gt_audio_labels' not in AVSBenchS4Dataset(split='val', **kwargs)[0]['data_samples']
    with pytest.raises(ValueError, match='clip d has the category "star_chime", .* 23 categories'):
        AVSBenchS4Dataset(split='val', categories='official', **kwargs)
    with pytest.raises(ValueError, match=r"categories is 'vct', expected one of \('official',\)"):
        AVSBenchS4Dataset(split='val', categories='vct', **kwargs)
    with pytest.raises(ValueError, match='A name stands twice'):
        AVSBenchS4Dataset(split='val', categories=['dog', 'dog'], **kwargs)


def test_official_categories_are_those_of_the_sound_groups():
    assert len(set(S4_AUDIO_CATEGORIES)) == 23
    assert set(S4_AUDIO_CATEGORIES) <= set(GROUP_OF)
    assert set(S4_CATEGORIES) <= set(S4_AUDIO_CATEGORIES)


def test_frame_names_of_ms3_are_a_choice(ms3_root):
    info = AVSBenchMS3Dataset(
        data_root=str(ms3_root), split='test', frame_name='{clip}_{number}.png'
    )[0]
    assert relative(info['img_paths'], ms3_root)[0] == 'ms3_data/visual_frames/z/z_1.png'


def test_published_counts():
    assert AVSBenchS4Dataset.PUBLISHED_COUNTS == {'train': 3452, 'val': 740, 'test': 740}
    assert AVSBenchMS3Dataset.PUBLISHED_COUNTS == {'train': 296, 'val': 64, 'test': 64}


def test_splits_can_be_joined_and_indices_cut(s4_root):
    def ids(**kwargs):
        dataset = AVSBenchS4Dataset(data_root=str(s4_root), **kwargs)
        return [dataset.get_data_info(index)['clip_id'] for index in range(len(dataset))]

    assert ids(split='val') == ['dog/f', 'cat/g']
    assert ids(split=['val', 'test']) == ['dog/f', 'cat/g', 'cat/h']
    assert ids(split='train', indices=2) == ['dog/-a_1', 'dog/_b']
    assert ids(split='train', indices=[3, 0]) == ['race_car/e', 'dog/-a_1']


def test_annotated_frames_of_s4(s4_root, pipeline):
    kwargs = dict(data_root=str(s4_root), pipeline=pipeline, frames='annotated')
    train = AVSBenchS4Dataset(split='train', **kwargs)[0]
    sample = train['data_samples']
    assert train['inputs']['imgs'].shape == (1, 3, 16, 16)
    assert train['inputs']['audio'].shape == (1, 80000)  # still the sound of the whole clip
    assert (sample.frame_indices, sample.num_clip_frames) == ([0], 5)
    assert sample.frame_annotated.tolist() == [True]
    val = AVSBenchS4Dataset(split='val', **kwargs)[0]
    assert val['data_samples'].frame_indices == [0, 1, 2, 3, 4]


def test_all_frames_of_an_s4_training_clip(s4_root, pipeline):
    item = AVSBenchS4Dataset(data_root=str(s4_root), split='train', pipeline=pipeline)[1]
    sample, imgs = item['data_samples'], item['inputs']['imgs']
    assert imgs.shape == (5, 3, 16, 16) and imgs.dtype == torch.uint8
    assert imgs[:, 0].unique().tolist() == [201]  # the red of clip 1: RGB, not BGR
    assert [frame[1].unique().tolist() for frame in imgs] == [[10], [20], [30], [40], [50]]
    assert sample.frame_annotated.tolist() == [True] + [False] * 4
    assert sample.frame_valid.tolist() == [True] * 5
    masks = sample.gt_sem_seg.data
    assert masks.shape == (5, 16, 16) and masks.dtype == torch.int64
    assert masks[0].unique().tolist() == [0, 1] and masks[1:].unique().tolist() == [255]
    assert (sample.ori_shape, sample.img_shape) == ((20, 24), (16, 16))


def test_last_frame_stands_in_where_the_video_ends(tmp_path, make, pipeline):
    root = make.s4(tmp_path, [('late', 6, 'dog', 'val'), ('full', 6, 'dog', 'val')])
    for folder in ('visual_frames', 'gt_masks'):
        (root / f's4_data/{folder}/val/dog/late/late_5.png').unlink()
    dataset = AVSBenchS4Dataset(data_root=str(root), split='val', pipeline=pipeline)
    imgs = dataset[0]['inputs']['imgs']
    assert torch.equal(imgs[4], imgs[3]) and not torch.equal(imgs[3], imgs[2])
    masks = dataset[0]['data_samples'].gt_sem_seg.data
    assert torch.equal(masks[4], masks[3])
    assert dataset[1]['inputs']['imgs'][4, 1].unique().tolist() == [50]


@pytest.mark.parametrize('start, lost', [(0, (5,)), (6, (3, 4, 5))])
def test_lost_frames_are_no_end_of_the_video(tmp_path, make, pipeline, start, lost):
    root = make.s4(tmp_path, [('a', start, 'dog', 'val')])
    for number in lost:
        (root / f's4_data/visual_frames/val/dog/a/a_{number}.png').unlink()
    dataset = AVSBenchS4Dataset(data_root=str(root), split='val', pipeline=pipeline)
    with pytest.raises(FileNotFoundError, match=rf'There is no picture .*a_{lost[0]}\.png'):
        dataset[0]


def test_items_through_a_data_loader_with_workers(s4_root, pipeline):
    dataset = AVSBenchS4Dataset(data_root=str(s4_root), split='train', pipeline=pipeline)
    loader = DataLoader(
        dataset,
        batch_size=2,
        num_workers=1,
        sampler=DefaultSampler(dataset, shuffle=False),
        collate_fn=pseudo_collate,
    )
    batches = list(loader)
    assert len(batches) == 2
    assert [img.shape for img in batches[0]['inputs']['imgs']] == [(5, 3, 16, 16)] * 2
    clip_ids = [sample.clip_id for batch in batches for sample in batch['data_samples']]
    assert clip_ids == ['dog/-a_1', 'dog/_b', 'cat/c.d', 'race_car/e']


@pytest.mark.parametrize('serialize', [True, False])
def test_serialised_or_not_is_the_same(s4_root, serialize):
    dataset = AVSBenchS4Dataset(data_root=str(s4_root), split='val', serialize_data=serialize)
    assert len(dataset) == 2
    assert dataset.get_data_info(-1)['clip_id'] == 'cat/g'


def test_registered_with_meta_information(s4_root, ms3_root):
    for registry in (DATASETS, ROOT_DATASETS):
        for name, root in (('AVSBenchS4Dataset', s4_root), ('AVSBenchMS3Dataset', ms3_root)):
            cfg = dict(type=f'mmavs.{name}', data_root=str(root), split='test')
            metainfo = registry.build(cfg).metainfo
            assert metainfo['classes'] == ('background', 'sounding')
            assert len(metainfo['palette']) == 2


def test_log_mel_instead_of_wav(s4_root, pipeline):
    path = s4_root / 's4_data/audio_log_mel/train/dog/-a_1.npy'
    path.parent.mkdir(parents=True)
    logmel = np.random.default_rng(0).standard_normal((5, 1, 96, 64)).astype(np.float32)
    np.save(path, logmel)
    pipeline[2] = dict(type='LoadClipLogMel')
    kwargs = dict(data_root=str(s4_root), split='train', pipeline=pipeline)
    item = AVSBenchS4Dataset(frames='annotated', **kwargs)[0]
    assert torch.equal(item['inputs']['audio'], torch.from_numpy(logmel[:1]))
    assert 'sample_rate' not in item['data_samples']
    item = AVSBenchS4Dataset(**kwargs)[0]
    assert torch.equal(item['inputs']['audio'], torch.from_numpy(logmel))

# Copyright (c) mmavs developers. All rights reserved.
"""The base configs of the data sets give batches on trees in the official layout."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmavs.datasets.maskige import save_maskige
from mmavs.utils.maskige_names import maskige_file

SETS = {'s4': 'AVSBenchS4Dataset', 'ms3': 'AVSBenchMS3Dataset'}


@pytest.mark.parametrize('size', [224, 512])
@pytest.mark.parametrize('name', SETS)
def test_base_config_loads_a_batch(root, name, size, s4_root, ms3_root):
    path = root / f'configs/_base_/datasets/avsbench_{name}_{size}x{size}.py'
    cfg = Config.fromfile(path)
    assert Config.fromstring(cfg.pretty_text, '.py').to_dict() == cfg.to_dict()
    data_root = {'s4': s4_root, 'ms3': ms3_root}[name]
    splits = {'train_dataloader': 'train', 'test_dataloader': 'test'}
    for key, split in splits.items():
        loader_cfg = cfg[key]
        assert loader_cfg.dataset.type == SETS[name] and loader_cfg.dataset.split == split
        loader_cfg.update(num_workers=0, persistent_workers=False)
        loader_cfg.dataset.data_root = str(data_root)
        with DefaultScope.overwrite_default_scope('mmavs'):
            batch = next(iter(Runner.build_dataloader(loader_cfg)))
        # S4's training clips have a mask on their first frame only.
        annotated = [True] + [(name, split) != ('s4', 'train')] * 4
        assert len(batch['data_samples']) == (2 if split == 'train' else 1)
        for imgs, audio, sample in zip(*batch['inputs'].values(), batch['data_samples']):
            assert imgs.shape == (5, 3, size, size) and audio.shape == (1, 80000)
            assert sample.gt_sem_seg.data.shape == (5, size, size)
            assert sample.frame_annotated.tolist() == annotated and sample.num_clip_frames == 5
    assert cfg.val_dataloader.dataset.split == 'val'
    assert cfg.val_dataloader.sampler.shuffle is cfg.test_dataloader.sampler.shuffle is False
    assert cfg.val_evaluator == cfg.test_evaluator == dict(type='AVSBenchMetric', f_batch_size=2)


AVSS_LAYOUT = dict(v1s=5, v1m=5, v2=10)


def batches(cfg, data_root):
    """The first batch of each loader, in this process."""
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader_cfg = cfg[key]
        loader_cfg.update(num_workers=0, persistent_workers=False)
        loader_cfg.dataset.data_root = str(data_root)
        with DefaultScope.overwrite_default_scope('mmavs'):
            yield next(iter(Runner.build_dataloader(loader_cfg)))


@pytest.mark.parametrize('size', [224, 512])
def test_avss(root, size, avss_root):
    cfg = Config.fromfile(root / f'configs/_base_/datasets/avss_{size}x{size}.py')
    assert Config.fromstring(cfg.pretty_text, '.py').to_dict() == cfg.to_dict()
    assert cfg.test_evaluator == dict(type='AVSSemanticMetric', count_padded_frames=True)
    for batch in batches(cfg, avss_root):
        for imgs, sample in zip(batch['inputs']['imgs'], batch['data_samples']):
            frames = AVSS_LAYOUT[sample.subset]
            assert imgs.shape == (frames, 3, size, size)
            assert sample.gt_sem_seg.data.shape == (frames, size, size)
            assert sample.gt_audio_labels.shape == (71,)


def vct_files(make, root, name, train_size, mask_size):
    """The files at 384x384 (here smaller) of the object sets, beside the tree."""
    data = root / f'{name}_data_384'
    for path in sorted((root / f'{name}_data/visual_frames').rglob('*.png')):
        place = path.relative_to(root / f'{name}_data/visual_frames')
        place = place.with_name(place.name.replace('.mp4', ''))
        picture = np.zeros((train_size, train_size, 3), np.uint8)
        make.picture(data / 'visual_frames_384' / place, picture)
        save_maskige(data / 'pre_SAM_mask_384' / maskige_file(place), picture[..., 0])
    for path in sorted((root / f'{name}_data/gt_masks').rglob('*.png')):
        place = path.relative_to(root / f'{name}_data/gt_masks')
        train = place.parts[0] == 'train'
        size = train_size if train else mask_size
        folder = 'gt_masks_384' if train else 'gt_masks_224'
        make.picture(data / folder / place, np.full((size, size), 255, np.uint8))


def check_vct_batches(cfg, data_root):
    assert Config.fromstring(cfg.pretty_text, '.py').to_dict() == cfg.to_dict()
    for number, batch in enumerate(batches(cfg, data_root)):
        inputs = batch['inputs']
        for imgs, maskiges, sample in zip(inputs['imgs'], inputs['maskige'], batch['data_samples']):
            size = 384 if number == 0 else 30
            assert imgs.shape == maskiges.shape == (len(imgs), 3, size, size)
            mask_size = 384 if number == 0 else 20
            assert sample.gt_sem_seg.data.shape == (len(imgs), mask_size, mask_size)


@pytest.mark.parametrize('name', SETS)
def test_object_sets_at_384(root, name, make, tmp_path):
    if name == 's4':
        clips = [('a', 0, 'dog', 'train'), ('b', 0, 'cat', 'val'), ('c', 0, 'cat', 'test')]
        data_root = make.s4(tmp_path, clips)
    else:
        data_root = make.ms3(tmp_path, [('a', 'train'), ('b', 'val'), ('c', 'test')])
    vct_files(make, data_root, name, 30, 20)
    cfg = Config.fromfile(root / f'configs/_base_/datasets/avsbench_{name}_384x384.py')
    assert cfg.val_evaluator == cfg.test_evaluator == dict(type='AVSBenchMetric', f_batch_size=1)
    check_vct_batches(cfg, data_root)


def test_avss_at_384(root, avss_root, make):
    for path in sorted(avss_root.glob('*/*/frames/*.jpg')):
        place = path.relative_to(avss_root)
        maskiges = avss_root / 'pre_SAM_mask/AVSBench_semantic'
        save_maskige(maskiges / maskige_file(place), np.zeros((20, 24), np.uint8))
        place = place.parent.parent / 'processed_frames_384' / place.name
        make.picture(avss_root / place, np.zeros((30, 30, 3), np.uint8))
        save_maskige(maskiges / maskige_file(place), np.zeros((30, 30), np.uint8))
    for path in sorted(avss_root.glob('*/*/labels_semantic/*.png')):
        place = path.parent.parent / 'processed_labels_semantic' / path.name
        make.picture(place, np.full((20, 20), 70, np.uint8))
    cfg = Config.fromfile(root / 'configs/_base_/datasets/avss_384x384.py')
    assert cfg.test_evaluator == dict(type='AVSSemanticMetric', count_padded_frames=False)
    check_vct_batches(cfg, avss_root)

# Copyright (c) mmavs developers. All rights reserved.
"""The base configs of the data sets give batches on trees in the official layout."""

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

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

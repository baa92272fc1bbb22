# Copyright (c) mmavs developers. All rights reserved.
"""Stereo of VPO through CPM's config: a mirrored picture is heard mirrored."""

from copy import deepcopy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmavs.registry import DATASETS, MODELS
from mmavs.testing import SynthAVS


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp('vpo_stereo')
    synth = SynthAVS(image_size=(64, 80), num_objects=2, num_classes=4)
    synth.write_vpo(folder, {'train': 6, 'test': 3})
    return folder


@pytest.mark.parametrize('setup', ['ss', 'ms', 'msmi'])
def test_flip_swaps_the_channels(root, tree, setup):
    path = root / f'configs/cpm/cpm_r50_resnet18_1xb16-80e_vpo{setup}-512x512.py'
    config = Config.fromfile(path).train_dataloader.dataset
    config.data_root = str(tree)
    items = {}
    for prob in (0.0, 1.0):
        dataset = deepcopy(config)
        broadcaster = next(t for t in dataset.pipeline if t.type == 'ClipBroadcaster')
        flip = broadcaster.transforms[0]
        assert flip == dict(type='RandomFlip', prob=0.5)
        broadcaster.transforms = [dict(flip, prob=prob)]
        with DefaultScope.overwrite_default_scope('mmavs'):
            items[prob] = DATASETS.build(dataset)
    for plain, mirrored in zip(items[0.0], items[1.0]):
        sound = plain['inputs']['audio']
        assert sound.shape == (2, 48000)
        assert torch.equal(mirrored['inputs']['audio'], sound.flip(0))
        assert torch.equal(mirrored['inputs']['imgs'], plain['inputs']['imgs'].flip(-1))
        label = plain['data_samples'].gt_sem_seg.data
        assert torch.equal(mirrored['data_samples'].gt_sem_seg.data, label.flip(-1))
    louder = [(item['inputs']['audio'].abs().mean(1) / 1e-3).tolist() for item in items[0.0]]
    assert any(abs(left - right) > 1e-3 for left, right in louder)


def test_encoder_of_the_config_takes_it(root):
    path = root / 'configs/cpm/cpm_r50_resnet18_1xb16-80e_vpomsmi-512x512.py'
    config = Config.fromfile(path).model.audio_encoder
    config.init_cfg = None
    encoder = MODELS.build(config)
    assert encoder(torch.zeros(1, 2, 48000), 1).pyramid[0].shape == (1, 64, 75, 16)

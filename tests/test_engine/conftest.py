# Copyright (c) mmavs developers. All rights reserved.
"""Runners on random clips, without files."""

import pytest
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmavs.testing.tiny import random_clip, tiny_avsegformer


class RandomClips(Dataset):
    """Four clips of two small frames."""

    metainfo = dict(classes=('background', 'sounding'))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return random_clip(2, (32, 32), seed=index)


@pytest.fixture
def make_runner(tmp_path):
    """A function that builds a Runner: epochs, hooks, further arguments."""

    def make(name, epochs, hooks=(), dropout=0.0, **kwargs):
        model = tiny_avsegformer()
        model['decode_head']['decoder']['dropout'] = dropout
        kwargs.setdefault('optim_wrapper', dict(optimizer=dict(type='AdamW', lr=1e-3)))
        with DefaultScope.overwrite_default_scope('mmavs'):
            return Runner(
                model=model,
                work_dir=str(tmp_path / name),
                train_dataloader=dict(
                    batch_size=2,
                    num_workers=0,
                    sampler=dict(type='DefaultSampler', shuffle=True),
                    dataset=RandomClips(),
                    collate_fn=pseudo_collate,
                ),
                train_cfg=dict(by_epoch=True, max_epochs=epochs),
                default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)),
                custom_hooks=list(hooks),
                randomness=dict(seed=1),
                log_level='ERROR',
                experiment_name=f'{tmp_path.name}_{name}',
                default_scope='mmavs',
                **kwargs,
            )

    return make

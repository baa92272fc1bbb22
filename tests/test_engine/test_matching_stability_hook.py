# Copyright (c) mmavs developers. All rights reserved.
import json
import logging
import os

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmavs.evaluation.functional import matching_stability
from mmavs.registry import DATASETS, MODELS
from mmavs.utils.dist import setup_distributed, shutdown_distributed
from mmavs.utils.query_assignments import listen, publish_assignments, take_assignments

NUM_IMAGES, NUM_QUERIES, NUM_CLASSES = 8, 5, 3


def assignments() -> torch.Tensor:
    """(images, queries); 3 is no object."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, NUM_CLASSES + 1, (NUM_IMAGES, NUM_QUERIES), generator=generator)


def stability(rows: torch.Tensor) -> float:
    return matching_stability(torch.stack([(rows == c).sum(0) for c in range(NUM_CLASSES)]))


@DATASETS.register_module(force=True)
class NumberedImages(Dataset):
    metainfo = dict(classes=('a', 'b', 'c'))

    def __len__(self):
        return NUM_IMAGES

    def __getitem__(self, index):
        return dict(inputs=torch.ones(1), data_samples=index)


@MODELS.register_module(force=True)
class MatchingModel(BaseModel):
    """Publishes the assignment of each image, as a query head does in its loss."""

    def __init__(self, publishes=True):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.publishes = publishes

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if self.publishes:
            publish_assignments(assignments()[list(data_samples)], NUM_CLASSES)
        return dict(loss=(torch.stack(list(inputs)) * self.weight).mean())


def config(work_dir, by_epoch=True, interval=None, batch_size=2, **kwargs) -> Config:
    length = dict(by_epoch=True, max_epochs=3) if by_epoch else dict(by_epoch=False, max_iters=6)
    return Config(
        dict(
            default_scope='mmavs',
            model=dict(type='MatchingModel', **kwargs),
            train_dataloader=dict(
                batch_size=batch_size,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(type='NumberedImages'),
            ),
            train_cfg=length,
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            custom_hooks=[dict(type='MatchingStabilityHook', interval=interval)],
            default_hooks=dict(checkpoint=None),
            visualizer=dict(
                type='Visualizer',
                vis_backends=[dict(type='LocalVisBackend')],
                name=f'{work_dir.parent.name}_{work_dir.name}',
            ),
            work_dir=str(work_dir),
            experiment_name=f'{work_dir.parent.name}_{work_dir.name}',
            log_level='INFO',
        )
    )


def train(cfg) -> list[float]:
    """The values that the hook left, in order."""
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.message_hub.get_scalar('sts').data[0].tolist()


def test_epochs(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    expected = stability(assignments())
    assert train(config(tmp_path / 'run')) == pytest.approx([expected] * 3)
    (scalars,) = (tmp_path / 'run').rglob('scalars.json')
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    logged = [(line['step'], line['train/sts']) for line in lines if 'train/sts' in line]
    assert logged == [(step, pytest.approx(expected)) for step in (1, 2, 3)]
    (log,) = (tmp_path / 'run').rglob('*.log')
    assert f'Matching stability STS at epoch 3: {expected:.4f}' in log.read_text()


def test_iterations(tmp_path):
    """Two intervals of three batches of two images; the loader starts anew after four batches."""
    values = train(config(tmp_path / 'run', by_epoch=False, interval=3))
    rows = assignments()
    expected = [stability(rows[:6]), stability(torch.cat([rows[6:], rows[:4]]))]
    assert values == pytest.approx(expected)


def test_iterations_without_an_interval(tmp_path):
    with pytest.raises(ValueError, match='Set its interval, in iterations'):
        train(config(tmp_path / 'run', by_epoch=False))
    with pytest.raises(ValueError, match='at least 1 iteration, got 0'):
        train(config(tmp_path / 'zero', interval=0))


def test_a_head_that_publishes_nothing(tmp_path):
    with pytest.raises(ValueError, match='MatchingModel published no assignments'):
        train(config(tmp_path / 'run', publishes=False))


def test_bad_assignments():
    listen()
    with pytest.raises(ValueError, match=r'\(B frames, N queries\), got \(4,\)'):
        publish_assignments(torch.zeros(4), 3)


def test_without_a_listener_nothing_is_kept(tmp_path):
    cfg = config(tmp_path / 'run')
    cfg.custom_hooks = []
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert take_assignments() == []
    hub = MessageHub.get_current_instance()
    listen()
    publish_assignments(assignments(), NUM_CLASSES)
    publish_assignments(assignments(), NUM_CLASSES)
    assert 'query_assignments' not in hub.state_dict()['runtime_info']
    assert len(take_assignments()) == 2
    assert take_assignments() == []


def _train_a_share(rank: int, folder: str, port: int) -> None:
    from pathlib import Path

    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), CUDA_VISIBLE_DEVICES='',
    )  # fmt: skip
    cfg = config(Path(folder, 'run'), batch_size=1)
    cfg.launcher = 'pytorch'
    setup_distributed(cfg)
    values = train(cfg)
    Path(folder, f'{rank}.json').write_text(json.dumps(values))
    shutdown_distributed()


def test_two_processes_equal_one(tmp_path, free_port):
    mp.spawn(_train_a_share, args=(str(tmp_path), free_port), nprocs=2)
    expected = train(config(tmp_path / 'one'))
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected

# Copyright (c) mmavs developers. All rights reserved.
"""What setup_distributed does to a config; two real processes are in test_tools/test_train.py."""

import pytest
import torch.distributed as torch_dist
from mmengine.config import Config

from mmavs.utils import dist
from mmavs.utils.dist import setup_distributed, shutdown_distributed


@pytest.fixture
def on_cpu(monkeypatch):
    monkeypatch.setattr(dist, 'get_device', lambda: 'cpu')


@pytest.fixture
def torchrun(monkeypatch, tmp_path):
    """One process, as torchrun would start it."""
    variables = {'RANK': '0', 'LOCAL_RANK': '0', 'WORLD_SIZE': '1'}
    for name, value in {**variables, 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': '0'}.items():
        monkeypatch.setenv(name, value)
    yield
    shutdown_distributed()
    assert not torch_dist.is_initialized()


def test_without_launcher_nothing_changes(on_cpu):
    cfg = Config(dict(launcher='none', env_cfg=dict(dist_cfg=dict(backend='nccl'))))
    before = cfg.to_dict()
    assert setup_distributed(cfg) is False
    assert setup_distributed(Config(dict(model=dict()))) is False
    assert cfg.to_dict() == before


def test_with_a_gpu_mmengine_does_it(monkeypatch):
    monkeypatch.setattr(dist, 'get_device', lambda: 'cuda')
    cfg = Config(dict(launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='nccl'))))
    before = cfg.to_dict()
    assert setup_distributed(cfg) is False
    assert cfg.to_dict() == before
    assert not torch_dist.is_initialized()


def test_gloo_on_a_cpu(on_cpu, torchrun):
    cfg = Config(
        dict(
            launcher='pytorch',
            env_cfg=dict(cudnn_benchmark=True, dist_cfg=dict(backend='nccl', timeout=1800)),
            find_unused_parameters=True,
        )
    )
    assert setup_distributed(cfg) is True
    assert torch_dist.get_backend() == 'gloo'
    assert cfg.env_cfg.to_dict() == dict(
        cudnn_benchmark=True, dist_cfg=dict(backend='gloo', timeout=1800)
    )
    assert cfg.model_wrapper_cfg.to_dict() == dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=True,
    )


def test_a_wrapper_in_the_config_is_kept(on_cpu, torchrun):
    wrapper = dict(type='MMSeparateDistributedDataParallel', broadcast_buffers=True)
    cfg = Config(dict(launcher='pytorch', model_wrapper_cfg=wrapper))
    setup_distributed(cfg)
    setup_distributed(cfg)  # a second Runner in one process
    assert cfg.model_wrapper_cfg.type == 'MMSeparateDistributedDataParallel'
    assert cfg.model_wrapper_cfg.broadcast_buffers is True
    assert cfg.model_wrapper_cfg.device_ids is None


@pytest.mark.parametrize('launcher', ['slurm', 'mpi'])
def test_other_launchers_need_a_gpu(launcher, on_cpu):
    with pytest.raises(ValueError, match=f'launcher "{launcher}" needs an accelerator'):
        setup_distributed(Config(dict(launcher=launcher)))


def test_started_without_torchrun(on_cpu, monkeypatch):
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('LOCAL_RANK', '0')
    with pytest.raises(ValueError, match='RANK, WORLD_SIZE is not set.*dist_train.sh'):
        setup_distributed(Config(dict(launcher='pytorch')))

# Copyright (c) mmavs developers. All rights reserved.
"""tools/train.py: every flag, text and lazy configs, and two processes on a CPU."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmavs.utils.checkpoint import load_checkpoint_file

TRAIN = 'tools/train.py'


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def train_by_hand(epochs: int, lr: float = 0.1, batch_size: int = 2) -> tuple[float, float]:
    """What SGD with momentum 0.9 makes of the toy task, without mmengine."""
    x = torch.linspace(-1, 1, 6)
    weight, bias = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=lr, momentum=0.9)
    for _ in range(epochs):
        for batch in x.split(batch_size):
            optimizer.zero_grad()
            ((batch * weight + bias - 2 * batch - 1) ** 2).mean().backward()
            optimizer.step()
    return float(weight.detach()), float(bias.detach())


@pytest.mark.parametrize('kind', ['text', 'lazy'])
def test_train(kind, tools, toy_config, toy_lazy_config, weights, tmp_path):
    config = {'text': toy_config, 'lazy': toy_lazy_config}[kind]
    tools.run(TRAIN, config, '--work-dir', tmp_path)
    assert weights(tmp_path / 'epoch_3.pth') == pytest.approx(train_by_hand(3), abs=1e-6)


def test_cfg_options(tools, toy_config, weights, tmp_path):
    options = ['--cfg-options', 'train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=0.05']
    tools.run(TRAIN, toy_config, '--work-dir', tmp_path, *options)
    assert weights(tmp_path / 'epoch_1.pth') == pytest.approx(train_by_hand(1, 0.05), abs=1e-6)
    assert not (tmp_path / 'epoch_2.pth').exists()


@pytest.mark.parametrize('how', ['auto', 'file'])
def test_resume_equals_uninterrupted(how, tools, toy_config, weights, tmp_path):
    one = ['--cfg-options', 'train_cfg.max_epochs=1']
    tools.run(TRAIN, toy_config, '--work-dir', tmp_path, *one)
    value = [] if how == 'auto' else [tmp_path / 'epoch_1.pth']
    tools.run(TRAIN, toy_config, '--work-dir', tmp_path, '--resume', *value)
    assert weights(tmp_path / 'epoch_3.pth') == pytest.approx(train_by_hand(3), abs=1e-6)


def test_resume_from_a_missing_file(tools, toy_config, tmp_path):
    with pytest.raises(FileNotFoundError, match='no checkpoint at .*nothing.pth'):
        tools.run(TRAIN, toy_config, '--work-dir', tmp_path, '--resume', tmp_path / 'nothing.pth')


def test_no_validate(tools, toy_config, tmp_path):
    tools.run(TRAIN, toy_config, '--work-dir', tmp_path, '--no-validate')
    assert (tmp_path / 'epoch_3.pth').is_file()
    assert not list(tmp_path.glob('best_*'))


def test_validation_keeps_the_best(tools, toy_config, tmp_path):
    tools.run(TRAIN, toy_config, '--work-dir', tmp_path)
    x = torch.linspace(-1, 1, 6)
    errors = {}
    for epoch in (1, 2, 3):
        weight, bias = train_by_hand(epoch)
        errors[epoch] = float((x * weight + bias - 2 * x - 1).abs().mean())
    best = min(errors, key=errors.get)
    assert [path.name for path in tmp_path.glob('best_*')] == [f'best_toy_error_epoch_{best}.pth']


def test_auto_scale_lr(tools, toy_config, tmp_path):
    options = ['--cfg-options', 'train_dataloader.batch_size=6', 'train_cfg.max_epochs=1']
    tools.run(TRAIN, toy_config, '--work-dir', tmp_path, '--auto-scale-lr', *options)
    groups = load_checkpoint_file(tmp_path / 'epoch_1.pth')['optimizer']['param_groups']
    assert groups[0]['lr'] == pytest.approx(0.1 * 6 / 2)


def test_auto_scale_lr_counts_accumulated_clips(tools, toy_config, tmp_path):
    options = ['--cfg-options', 'train_dataloader.batch_size=2', 'train_cfg.max_epochs=1']
    options += ['optim_wrapper.accumulative_counts=3']
    tools.run(TRAIN, toy_config, '--work-dir', tmp_path, '--auto-scale-lr', *options)
    groups = load_checkpoint_file(tmp_path / 'epoch_1.pth')['optimizer']['param_groups']
    assert groups[0]['lr'] == pytest.approx(0.1 * 6 / 2)


def test_auto_scale_lr_without_a_base(tools, toy_config):
    with pytest.raises(SystemExit, match='auto_scale_lr.base_batch_size') as error:
        tools.run(TRAIN, toy_config, '--auto-scale-lr', '--cfg-options', 'auto_scale_lr=None')
    assert 'toy_config.py' in str(error.value)


def test_amp_on_a_cpu_is_one_clear_error(tools, toy_config, monkeypatch):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
    with pytest.raises(SystemExit, match='--amp needs a GPU'):
        tools.run(TRAIN, toy_config, '--amp')


@pytest.mark.parametrize('kind', ['text', 'lazy'])
def test_amp_on_a_gpu(kind, tools, toy_config, toy_lazy_config, monkeypatch):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cuda')
    config = {'text': toy_config, 'lazy': toy_lazy_config}[kind]
    wrapper = tools.config(TRAIN, config, '--amp').optim_wrapper
    assert (wrapper.type, wrapper.loss_scale) == ('AmpOptimWrapper', 'dynamic')


def test_amp_keeps_what_the_config_says(tools, toy_config, monkeypatch):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cuda')
    options = ['optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.loss_scale=512']
    config = tools.config(TRAIN, toy_config, '--amp', '--cfg-options', *options)
    assert config.optim_wrapper.loss_scale == 512
    with pytest.raises(ValueError, match='this config has ApexOptimWrapper'):
        options = ['optim_wrapper.type=ApexOptimWrapper']
        tools.config(TRAIN, toy_config, '--amp', '--cfg-options', *options)


def test_work_dir(tools, toy_config):
    assert tools.config(TRAIN, toy_config).work_dir == str(Path('work_dirs', 'toy_config'))
    in_config = ['--cfg-options', 'work_dir=there']
    assert tools.config(TRAIN, toy_config, *in_config).work_dir == 'there'
    assert tools.config(TRAIN, toy_config, '--work-dir', 'here', *in_config).work_dir == 'here'


@pytest.mark.parametrize('flag', ['--local_rank', '--local-rank'])
def test_local_rank(flag, tools, toy_config, monkeypatch):
    module = tools.load(TRAIN, toy_config, f'{flag}=3')
    monkeypatch.delenv('LOCAL_RANK')
    module.parse_args()
    assert os.environ['LOCAL_RANK'] == '3'


def test_missing_config(tools, tmp_path):
    with pytest.raises(SystemExit, match='nothing.py'):
        tools.run(TRAIN, tmp_path / 'nothing.py')


def test_two_processes_equal_one(root, toy_config, weights, tmp_path):
    """2 processes x 1 clip through dist_train.sh give what 1 process x 2 clips gives."""
    environment = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': f'{root}:{toy_config.parent}',
        'PORT': str(free_port()),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
    }
    command = ['bash', 'tools/dist_train.sh', toy_config, '2', '--work-dir', tmp_path]
    options = ['--cfg-options', 'train_dataloader.batch_size=1', 'log_level=INFO']
    result = subprocess.run(
        [*map(str, command), *options], cwd=root, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-9000:]
    assert 'Distributed training: True' in result.stdout + result.stderr
    assert weights(tmp_path / 'epoch_3.pth') == pytest.approx(train_by_hand(3), abs=1e-6)


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_shell_usage(script, root):
    result = subprocess.run(
        ['bash', f'tools/{script}', 'config.py'], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr.startswith(f'Usage: bash tools/{script} CONFIG')

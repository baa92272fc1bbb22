# Copyright (c) mmavs developers. All rights reserved.
"""Checkpoints load without running code from them, whichever way mmengine takes."""

import builtins
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, Runner, load_checkpoint
from mmengine.runner.checkpoint import get_torch_safe_globals

from mmavs.utils.checkpoint import (
    UNSAFE_ENV,
    UnsafeCheckpointError,
    install_safe_loading,
    load_checkpoint_file,
)


class RunsCode:
    """A pickled object that creates a file when an ordinary unpickler loads it."""

    def __init__(self, witness: Path):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.fixture(autouse=True)
def safe_loading(monkeypatch):
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    monkeypatch.delenv(UNSAFE_ENV, raising=False)
    install_safe_loading()


@pytest.fixture
def witness(tmp_path):
    return tmp_path / 'the_code_ran'


@pytest.fixture
def malicious(tmp_path, witness):
    path = tmp_path / 'malicious.pth'
    weights = {'weight': torch.zeros(2, 3), 'bias': torch.zeros(2)}
    torch.save({'state_dict': weights, 'extra': RunsCode(witness)}, path)
    return path


class Head(BaseModule):
    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.weight = torch.nn.Parameter(torch.ones(2, 3))
        self.bias = torch.nn.Parameter(torch.ones(2))


def assert_refused(witness: Path, malicious: Path, load) -> None:
    with pytest.raises(UnsafeCheckpointError) as error:
        load()
    assert not witness.exists()
    assert str(malicious) in str(error.value)
    assert 'posix.mkdir' in str(error.value)
    assert f'{UNSAFE_ENV}=1' in str(error.value)


def test_the_malicious_file_is_one(malicious, witness):
    with pytest.raises(Exception, match='posix.mkdir'):
        torch.load(malicious, weights_only=True)
    load_checkpoint_file(malicious, allow_unsafe=True)
    assert witness.is_dir()


def test_load_checkpoint_file_refuses_code(malicious, witness):
    assert_refused(witness, malicious, lambda: load_checkpoint_file(malicious))


def test_load_checkpoint_refuses_code(malicious, witness):
    assert_refused(witness, malicious, lambda: load_checkpoint(Head(), str(malicious)))


def test_pretrained_init_refuses_code(malicious, witness):
    head = Head(init_cfg=dict(type='Pretrained', checkpoint=str(malicious)))
    assert_refused(witness, malicious, head.init_weights)


def test_prefix_init_refuses_code(malicious, witness):
    head = Head(init_cfg=dict(type='Pretrained', checkpoint=str(malicious), prefix='backbone'))
    assert_refused(witness, malicious, head.init_weights)


def test_runner_refuses_code(malicious, witness, tmp_path):
    runner = Runner(Head(), work_dir=str(tmp_path / 'work'), experiment_name='refuses_code')
    assert_refused(witness, malicious, lambda: runner.load_checkpoint(str(malicious)))


@pytest.mark.parametrize('scheme', ['http://', 'https://', 'openmmlab://', 'torchvision://'])
def test_url_schemes_refuse_code(scheme, malicious, witness, monkeypatch, tmp_path):
    """The file is in the download cache already, so nothing is fetched."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    checkpoints = tmp_path / 'hub' / 'checkpoints'
    checkpoints.mkdir(parents=True)
    (checkpoints / 'file.pth').write_bytes(malicious.read_bytes())
    urls = {'file': 'https://localhost/file.pth'}
    monkeypatch.setattr('mmengine.runner.checkpoint.get_external_models', lambda: urls)
    monkeypatch.setattr('mmengine.runner.checkpoint.get_torchvision_models', lambda: urls)
    name = f'{scheme}localhost/file.pth' if scheme.startswith('http') else f'{scheme}file'
    assert_refused(witness, name, lambda: load_checkpoint(Head(), name))
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ


def test_opt_out_is_explicit(malicious, witness, monkeypatch):
    monkeypatch.setenv(UNSAFE_ENV, '1')
    load_checkpoint(Head(), str(malicious))
    assert witness.is_dir()


def test_the_parameter_beats_the_environment(malicious, witness, monkeypatch):
    monkeypatch.setenv(UNSAFE_ENV, '1')
    assert_refused(witness, malicious, lambda: load_checkpoint_file(malicious, allow_unsafe=False))


class ReachesBuiltins:
    """Pickles to ``getattr(getattr, '__self__')``: the module builtins, with all that is in it."""

    def __reduce__(self):
        return getattr, (getattr, '__self__')


def test_getattr_reaches_nothing_else(tmp_path):
    """mmengine's own list of safe globals admits getattr, and with it the whole interpreter."""
    path = tmp_path / 'getattr.pth'
    torch.save({'found': ReachesBuiltins()}, path)
    with torch.serialization.safe_globals(get_torch_safe_globals()):
        assert torch.load(path, weights_only=True)['found'] is builtins
    with pytest.raises(UnsafeCheckpointError, match="the attribute '__self__'"):
        load_checkpoint_file(path)


def test_what_a_runner_saves_loads(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    saved = {
        'meta': {'epoch': 1, 'cfg': 'model = dict()', 'dataset_meta': {'classes': ('a', 'b')}},
        'state_dict': model.state_dict(),
        'optimizer': optimizer.state_dict(),
        'message_hub': {
            'log_scalars': {'loss': HistoryBuffer([2.0, 4.0], [1, 3])},
            'runtime_info': {'best': np.float64(0.5), 'ids': np.arange(3), 'seen': np.bool_(True)},
        },
    }
    torch.save(saved, path)
    loaded = load_checkpoint_file(path)
    assert loaded['meta'] == saved['meta']
    assert torch.equal(loaded['state_dict']['weight'], model.weight)
    assert torch.equal(loaded['optimizer']['state'][0]['exp_avg'], model.weight.grad * 0.1)
    history = loaded['message_hub']['log_scalars']['loss']
    assert history.mean() == pytest.approx(6 / 4)
    assert history.statistics('max') == 4.0
    info = loaded['message_hub']['runtime_info']
    assert info['best'] == 0.5
    assert info['seen']
    np.testing.assert_array_equal(info['ids'], np.arange(3))


@pytest.mark.parametrize('package', ['numpy.core', 'numpy._core'])
def test_arrays_of_either_numpy_load(package, tmp_path):
    """numpy 1 and numpy 2 write the same function under different names."""
    path = tmp_path / 'array.pth'
    body = pickle.dumps(np.arange(4.0), protocol=2)
    name = pickle.GLOBAL + b'numpy._core.multiarray\n'
    assert body.count(name) == 1
    body = body.replace(name, pickle.GLOBAL + f'{package}.multiarray\n'.encode())
    # The legacy format: magic number, protocol, system, then the object and the storages' keys.
    legacy = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {})]
    path.write_bytes(b''.join([*legacy, body, pickle.dumps([], protocol=2)]))
    np.testing.assert_array_equal(load_checkpoint_file(path), np.arange(4.0))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no checkpoint at .*nothing.pth'):
        load_checkpoint_file(tmp_path / 'nothing.pth')


@pytest.mark.parametrize('kind', ['empty', 'text', 'truncated'])
def test_damaged_files(kind, tmp_path):
    path = tmp_path / f'{kind}.pth'
    torch.save({'weight': torch.zeros(1000)}, path)
    whole = path.read_bytes()
    path.write_bytes({'empty': b'', 'text': b'hello', 'truncated': whole[: len(whole) // 2]}[kind])
    with pytest.raises(ValueError, match=f'{kind}.pth is not a checkpoint'):
        load_checkpoint_file(path)


def test_installing_twice_changes_nothing():
    before = dict(CheckpointLoader._schemes)
    install_safe_loading()
    assert CheckpointLoader._schemes == before


def test_failed_download_says_what_to_do():
    """Port 9 of this machine answers nothing."""
    url = 'http://127.0.0.1:9/resnet50.pth'
    with pytest.raises(
        ConnectionError, match=rf'{url} could not be downloaded.*init_cfg\.checkpoint='
    ):
        CheckpointLoader.load_checkpoint(url, map_location='cpu')

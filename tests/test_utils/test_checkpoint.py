# Copyright (c) mmavs developers. All rights reserved.
"""Checkpoints load without running code from them, whichever way mmengine takes."""

import builtins
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
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
from mmavs.utils.config_text import check_config_text, parse_config_text


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


@pytest.mark.parametrize('content', [b'garbage' * 9, b'\x80\x04\x95 not torch', b'<html>'])
def test_garbage_is_not_called_unsafe(content, tmp_path):
    (tmp_path / 'garbage.pth').write_bytes(content)
    with pytest.raises(ValueError, match=r'garbage\.pth is not a checkpoint') as caught:
        load_checkpoint_file(tmp_path / 'garbage.pth')
    assert UNSAFE_ENV not in str(caught.value) and '\n' not in str(caught.value)


EVIL_TEXTS = [
    '__import__("os").mkdir({path!r})',
    'a = __import__("os").mkdir({path!r})',
    'import os\nos.mkdir({path!r})',
    'dict = exec\na = dict("import os; os.mkdir({path})")',
    '(a := exec)("1")',
    'a = [x for x in ()]',
    'a = dict(b=open({path!r}, "w"))',
    "a = '{{{{$ENV:NOTHING:'+open({path!r},\"w\").name+'}}}}'",
    "_base_ = '/elsewhere/config.py'",
    'a = f"{{open({path!r})}}"',
    'def f(): pass',
    'a = lambda: 1',
    'a.b = 1',
    'if True: a = 1',
    'a = ().__class__',
    'from mmengine.config import read_base',
]


@pytest.mark.parametrize('text', EVIL_TEXTS)
@pytest.mark.parametrize('place', ['config', 'cfg', 'hub'])
def test_config_text_that_runs_code_is_refused(text, place, tmp_path, witness, monkeypatch):
    text = text.format(path=str(witness))
    path = tmp_path / 'evil.pth'
    meta = {'epoch': 1, 'iter': 1, **({} if place == 'hub' else {place: text})}
    hub = {'runtime_info': {'cfg': text}} if place == 'hub' else {}
    torch.save({'meta': meta, 'state_dict': Head().state_dict(), 'message_hub': hub}, path)
    for load in (
        lambda: load_checkpoint_file(path),
        lambda: load_checkpoint(Head(), str(path)),
        lambda: Runner(
            Head(), work_dir=str(tmp_path / 'work'), experiment_name=tmp_path.name
        ).resume(str(path)),
    ):
        with pytest.raises(UnsafeCheckpointError, match=f'{path}.*could run code.*{UNSAFE_ENV}=1'):
            load()
        monkeypatch.setattr('mmengine.runner.Runner._instance_dict', {}, raising=False)
    assert not witness.exists()
    monkeypatch.setenv(UNSAFE_ENV, '1')
    assert load_checkpoint_file(path)['meta'] == meta


def test_resume_may_not_import_a_new_module(tmp_path):
    """``Runner.resume`` executes meta['config']; meta['cfg'] only stands there."""
    text = "custom_imports = dict(imports=['antigravity'])"
    torch.save({'meta': {'cfg': text}}, tmp_path / 'a.pth')
    load_checkpoint_file(tmp_path / 'a.pth')
    torch.save({'meta': {'config': text}}, tmp_path / 'b.pth')
    with pytest.raises(UnsafeCheckpointError, match='it imports antigravity'):
        load_checkpoint_file(tmp_path / 'b.pth')


def test_config_texts_of_mmengine_pass(root, tmp_path):
    """All configs of mmavs as a Runner writes them, and what the values of a config may be."""
    files = sorted((root / 'configs').glob('avsegformer/*.py'))
    configs = [Config.fromfile(file) for file in files]
    values = {
        'numbers': [1, -2.5, float('inf'), None, True],
        'nested': [dict(a=(1, [2]), b={'x y': dict(c='{')})],
        'kind': float,
        'dtype': torch.float32,
        'words': "it's\nin lines",
    }
    configs.append(Config(values))
    for config in configs:
        text = config.pretty_text
        torch.save({'meta': {'cfg': text, 'config': text}}, tmp_path / 'a.pth')
        assert load_checkpoint_file(tmp_path / 'a.pth')['meta']['cfg'] == text
    for config in configs[:-1]:
        expected = Config.fromstring(config.pretty_text, '.py')._cfg_dict.to_dict()
        assert parse_config_text(config.pretty_text) == expected


@pytest.mark.parametrize(
    ('text', 'message'),
    [('a = torch.float32', 'torch.float32 stand'), ('a =', 'no Python'), ('a = dict(1)', 'no Pyt')],
)
def test_config_text_that_cannot_be_read(text, message):
    check_config_text(text)
    with pytest.raises(ValueError, match=message):
        parse_config_text(text)


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

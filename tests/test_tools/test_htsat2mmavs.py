# Copyright (c) mmavs developers. All rights reserved.
"""tools/model_converters/htsat2mmavs.py: there and back, and CLAP's audio tower."""

import sys
from itertools import accumulate
from types import ModuleType

import pytest
import torch
from htsat_files import as_clap, official_htsat

from mmavs.models.audio import HTSAT
from mmavs.testing.goldens import load_manifest
from mmavs.utils.checkpoint import UnsafeCheckpointError, load_checkpoint_file

TOOL = 'tools/model_converters/htsat2mmavs.py'


@pytest.fixture(scope='module')
def official():
    return official_htsat(load_manifest('htsat_embed'))


@pytest.fixture
def convert(tools, capsys):
    """Runs the tool; gives what it printed."""

    def convert(*arguments):
        tools.load(TOOL, *arguments).main()
        return capsys.readouterr().out

    return convert


def save_lightning(path, official, monkeypatch, name='ModelCheckpoint'):
    """As Lightning 1.2 did: the class of a callback is a key."""
    place = 'pytorch_lightning.callbacks.model_checkpoint'
    callback = type(name, (), {'__module__': place})
    modules = {
        package: ModuleType(package) for package in accumulate(place.split('.'), '{}.{}'.format)
    }
    setattr(modules[place], name, callback)
    checkpoint = {
        'epoch': 3,
        'callbacks': {callback: {'best_model_score': torch.tensor(0.4), 'dirpath': 'x'}},
        'optimizer_states': [{'state': {0: {'exp_avg': torch.zeros(2)}}}],
        'state_dict': {f'sed_model.{name}': tensor for name, tensor in official.items()},
    }
    with monkeypatch.context() as patched:
        for package, module in modules.items():
            patched.setitem(sys.modules, package, module)
        torch.save(checkpoint, path)


def test_there_and_back(convert, official, tmp_path, monkeypatch):
    save_lightning(tmp_path / 'a.ckpt', official, monkeypatch)
    said = convert(tmp_path / 'a.ckpt', tmp_path / 'b.pth')
    assert '176 tensors renamed, 24 dropped' in said
    assert 'sed_model.tscam_conv.*: classifier of AudioSet' in said
    ours = load_checkpoint_file(tmp_path / 'b.pth')['state_dict']
    HTSAT().load_state_dict(ours)
    whole = {f'audio_encoder.{name}': tensor for name, tensor in ours.items()}
    torch.save({'state_dict': {**whole, 'decode_head.x': torch.zeros(1)}}, tmp_path / 'model.pth')
    for source in ('b.pth', 'model.pth'):
        said = convert('--reverse', tmp_path / source, tmp_path / 'c.ckpt', '--force')
        assert 'load it with strict=False' in said
        back = load_checkpoint_file(tmp_path / 'c.ckpt')['state_dict']
        assert len(back) == 176
        for name, tensor in back.items():
            assert torch.equal(tensor, official[name.removeprefix('sed_model.')])


def test_clap(convert, official, tmp_path):
    torch.save(as_clap(official), tmp_path / 'pytorch_model.bin')
    said = convert(tmp_path / 'pytorch_model.bin', tmp_path / 'b.pth')
    assert 'text_model.x.*: of CLAP, which hears and reads' in said
    torch.save(official, tmp_path / 'clean.ckpt')
    convert(tmp_path / 'clean.ckpt', tmp_path / 'c.pth')
    ours, expected = (load_checkpoint_file(tmp_path / n)['state_dict'] for n in ('b.pth', 'c.pth'))
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in expected.items())


def test_what_is_refused(convert, official, tmp_path, monkeypatch):
    clap = as_clap(official)
    key = 'audio_model.audio_encoder.layers.0.blocks.0.attention.self.key.bias'
    torch.save({name: t for name, t in clap.items() if name != key}, tmp_path / 'a.bin')
    with pytest.raises(SystemExit, match=r'a.bin: There is .*query.bias, but no .*key.bias'):
        convert(tmp_path / 'a.bin', tmp_path / 'b.pth')
    less = {name: tensor for name, tensor in official.items() if not name.startswith('norm.')}
    torch.save(less, tmp_path / 'less.ckpt')
    with pytest.raises(SystemExit, match=r'less.ckpt holds no complete HTS-AT.*2 missing'):
        convert(tmp_path / 'less.ckpt', tmp_path / 'b.pth')
    (tmp_path / 'd.safetensors').write_bytes(b'nothing')
    with pytest.raises(SystemExit, match=r'd.safetensors is no .safetensors file'):
        convert(tmp_path / 'd.safetensors', tmp_path / 'b.pth')
    assert not (tmp_path / 'b.pth').exists()
    with pytest.raises(SystemExit, match='exists. Choose another name'):
        convert(tmp_path / 'a.bin', tmp_path / 'less.ckpt')
    # Only that one class of Lightning has a stand-in.
    save_lightning(tmp_path / 'e.ckpt', official, monkeypatch, 'EarlyStopping')
    with pytest.raises(UnsafeCheckpointError, match='EarlyStopping'):
        load_checkpoint_file(tmp_path / 'e.ckpt')

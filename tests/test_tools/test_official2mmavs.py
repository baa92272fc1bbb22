# Copyright (c) mmavs developers. All rights reserved.
"""The converter as a command: wrappers, report, refusals."""

import importlib.util
import os

import pytest
import torch

from mmavs.testing.goldens import load_golden
from mmavs.utils.checkpoint import UnsafeCheckpointError, load_checkpoint_file


class RunsCode:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.fixture(scope='module')
def tool(root):
    path = root / 'tools/model_converters/official2mmavs.py'
    spec = importlib.util.spec_from_file_location('official2mmavs', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def official():
    """All official names of the ResNet-50 model, each with one number."""
    entries = load_golden('avsegformer_r50_s4')[1]['state_dict']
    return {f'module.{name}': torch.full((1,), i) for i, (name, _, _) in enumerate(entries)}


def test_converts_and_reports(tool, official, tmp_path, capsys):
    torch.save({'state_dict': official, 'epoch': 3}, tmp_path / 'S4_res50.pth')
    destination = tmp_path / 'new' / 's4.pth'
    tool.main(['--method', 'avsegformer', str(tmp_path / 'S4_res50.pth'), str(destination)])
    output = capsys.readouterr().out
    assert '668 tensors renamed, 185 dropped' in output
    assert 'head.fpn.*: created by the official head but never used' in output
    checkpoint = load_checkpoint_file(destination)
    assert checkpoint['meta']['converted_from'] == 'S4_res50.pth'
    found = checkpoint['state_dict']['decode_head.mixer.out_proj.weight']
    assert torch.equal(found, official['module.head.fusion_block.proj.weight'])


def test_existing_destination_needs_force(tool, official, tmp_path):
    torch.save(official, tmp_path / 'a.pth')
    arguments = ['--method', 'avsegformer', str(tmp_path / 'a.pth'), str(tmp_path / 'b.pth')]
    tool.main(arguments)
    with pytest.raises(FileExistsError, match='pass --force'):
        tool.main(arguments)
    tool.main([*arguments, '--force'])


def test_another_method_is_refused(tool, tmp_path):
    torch.save({'encoder.weight': torch.zeros(1)}, tmp_path / 'other.pth')
    destination = tmp_path / 'b.pth'
    with pytest.raises(ValueError, match=r"1 of 1 tensors.*'encoder.weight'.*another method"):
        tool.main(['--method', 'avsegformer', str(tmp_path / 'other.pth'), str(destination)])
    assert not destination.exists()


@pytest.mark.parametrize(
    ('keep', 'message'),
    [
        (lambda name: name == 'module.head.fc.0.weight', 'is incomplete: .* no backbone'),
        (lambda name: name == 'module.backbone.conv1.weight', r'incomplete: of the 668 .* 667'),
        (lambda name: 'encoder.layers.3.norm1' not in name, r'lacks 2, .*layers\.3\.norms\.0'),
        (lambda name: not name.startswith('module.vggish'), r'lacks \d+, .*audio_encoder\.'),
    ],
)
def test_an_incomplete_file_is_refused(keep, message, tool, official, tmp_path):
    part = {name: value for name, value in official.items() if keep(name)}
    torch.save(part, tmp_path / 'part.pth')
    with pytest.raises(ValueError, match=rf'part\.pth .*{message}'):
        tool.main(['--method', 'avsegformer', str(tmp_path / 'part.pth'), str(tmp_path / 'b.pth')])
    assert not (tmp_path / 'b.pth').exists()


def test_the_other_backbone(tool, tmp_path):
    entries = load_golden('avsegformer_pvt_s4')[1]['state_dict']
    torch.save({name: torch.zeros(1) for name, _, _ in entries}, tmp_path / 'pvt.pth')
    tool.main(['--method', 'avsegformer', str(tmp_path / 'pvt.pth'), str(tmp_path / 'b.pth')])
    assert (tmp_path / 'b.pth').exists()


def test_code_does_not_run(tool, tmp_path):
    torch.save({'state_dict': RunsCode(tmp_path / 'witness')}, tmp_path / 'evil.pth')
    with pytest.raises(UnsafeCheckpointError):
        tool.main(['--method', 'avsegformer', str(tmp_path / 'evil.pth'), str(tmp_path / 'b.pth')])
    assert not (tmp_path / 'witness').exists()

# Copyright (c) mmavs developers. All rights reserved.
"""The converter as a command: both directions, report, refusals."""

import os

import pytest
import torch
from official_names import official_checkpoint

from mmavs.utils.checkpoint import load_checkpoint_file

TOOL = 'tools/model_converters/official2mmavs.py'
AVSEGFORMER = ('--method', 'avsegformer')


class RunsCode:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.fixture
def convert(tools):
    def run(*arguments):
        tools.load(TOOL).main(list(map(str, arguments)))

    return run


@pytest.fixture(scope='module')
def official():
    """The S4 checkpoint of the ResNet-50 model, as DataParallel names it."""
    checkpoint = official_checkpoint('avsegformer', 'resnet', 's4')
    return {f'module.{name}': tensor for name, tensor in checkpoint.items()}


def test_converts_and_reports(convert, official, tmp_path, capsys):
    torch.save({'state_dict': official, 'epoch': 3}, tmp_path / 'S4_res50.pth')
    convert(*AVSEGFORMER, tmp_path / 'S4_res50.pth', tmp_path / 'new' / 's4.pth')
    output = capsys.readouterr().out
    assert '668 tensors renamed, 185 dropped' in output
    assert 'head.fpn.*: created by the official head but never used' in output
    assert 's4.pth: avsegformer with resnet and K = 1\n' in output
    checkpoint = load_checkpoint_file(tmp_path / 'new' / 's4.pth')
    assert checkpoint['meta']['converted_from'] == 'S4_res50.pth'
    found = checkpoint['state_dict']['decode_head.mixer.out_proj.weight']
    assert torch.equal(found, official['module.head.fusion_block.proj.weight'])


@pytest.mark.parametrize('task', ['ms3', 'avss'])
def test_classes_are_those_of_the_file(task, convert, tmp_path, capsys):
    torch.save(official_checkpoint('avsegformer', 'pvt', task), tmp_path / 'a.pth')
    convert(*AVSEGFORMER, tmp_path / 'a.pth', tmp_path / 'b.pth')
    classes = 71 if task == 'avss' else 1
    assert f'avsegformer with pvt and K = {classes}\n' in capsys.readouterr().out
    state_dict = load_checkpoint_file(tmp_path / 'b.pth')['state_dict']
    assert state_dict['decode_head.predictor.4.weight'].shape == (classes, 32, 1, 1)


def test_reverse_gives_the_official_file_back(convert, official, tmp_path, capsys):
    torch.save(official, tmp_path / 'a.pth')
    convert(*AVSEGFORMER, tmp_path / 'a.pth', tmp_path / 'b.pth')
    capsys.readouterr()
    convert('--reverse', *AVSEGFORMER, tmp_path / 'b.pth', tmp_path / 'c.pth')
    output = capsys.readouterr().out
    assert '185 tensors filled in that the official code asks for but never reads' in output
    assert 'filled     6 head.fpn.*: copies of head.out_conv.*' in output
    back = load_checkpoint_file(tmp_path / 'c.pth')
    assert {name: tensor.shape for name, tensor in back.items()} == {
        name.removeprefix('module.'): tensor.shape for name, tensor in official.items()
    }
    assert torch.equal(back['head.fc.0.weight'], official['module.head.fc.0.weight'])


def test_existing_destination_needs_force(convert, official, tmp_path):
    torch.save(official, tmp_path / 'a.pth')
    arguments = [*AVSEGFORMER, tmp_path / 'a.pth', tmp_path / 'b.pth']
    convert(*arguments)
    with pytest.raises(SystemExit, match='pass --force'):
        convert(*arguments)
    convert(*arguments, '--force')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            {'encoder.weight': torch.zeros(1)},
            r"other.pth: 1 of 1 tensors.*'encoder.weight'.*another method",
        ),
        ([torch.zeros(1)], 'other.pth: Expected a state dict of tensors, found list'),
    ],
)
def test_another_file_is_refused(content, message, convert, tmp_path):
    torch.save(content, tmp_path / 'other.pth')
    with pytest.raises(SystemExit, match=message):
        convert(*AVSEGFORMER, tmp_path / 'other.pth', tmp_path / 'b.pth')
    assert not (tmp_path / 'b.pth').exists()


def test_missing_file(convert, tmp_path):
    with pytest.raises(SystemExit, match=r'no checkpoint at .*a\.pth'):
        convert(*AVSEGFORMER, tmp_path / 'a.pth', tmp_path / 'b.pth')


@pytest.mark.parametrize(
    ('keep', 'message'),
    [
        (lambda name: name == 'module.head.fc.4.weight', r'lacks the backbone \(resnet or pvt\)'),
        (lambda name: name != 'module.head.fc.4.weight', r'lacks .* or .*predictor\.4\.weight'),
        (lambda name: 'encoder.layers.3.norm1' not in name, r'2 missing .*layers\.3\.norms\.0'),
        (lambda name: not name.startswith('module.vggish'), r'18 missing \(audio_encoder\.'),
    ],
)
def test_an_incomplete_file_is_refused(keep, message, convert, official, tmp_path):
    part = {name: value for name, value in official.items() if keep(name)}
    torch.save(part, tmp_path / 'part.pth')
    with pytest.raises(SystemExit, match=rf'part\.pth .*{message}'):
        convert(*AVSEGFORMER, tmp_path / 'part.pth', tmp_path / 'b.pth')
    assert not (tmp_path / 'b.pth').exists()


def test_another_shape_is_refused(convert, official, tmp_path):
    fewer_queries = {'module.head.learnable_query.weight': torch.zeros(100, 256)}
    torch.save({**official, **fewer_queries}, tmp_path / 'a.pth')
    message = (
        r'0 missing; 0 unexpected; 1 of another shape .*learnable_query.weight \(100, 256\) in the '
        r'file, \(300, 256\) in the model'
    )
    with pytest.raises(SystemExit, match=message):
        convert(*AVSEGFORMER, tmp_path / 'a.pth', tmp_path / 'b.pth')


def test_reverse_refuses_another_network(convert, official, tmp_path):
    torch.save(official, tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match='no checkpoint of avsegformer in this direction'):
        convert('--reverse', *AVSEGFORMER, tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert not (tmp_path / 'b.pth').exists()


def test_code_does_not_run(convert, tmp_path):
    torch.save({'state_dict': RunsCode(tmp_path / 'witness')}, tmp_path / 'evil.pth')
    with pytest.raises(SystemExit, match='evil.pth was not loaded'):
        convert(*AVSEGFORMER, tmp_path / 'evil.pth', tmp_path / 'b.pth')
    assert not (tmp_path / 'witness').exists()


def test_vggish_has_to_be_decided(convert, tmp_path, capsys):
    files = (tmp_path / 'a.pth', tmp_path / 'b.pth')
    with pytest.raises(SystemExit):
        convert('--method', 'tpavi', *files)
    assert 'hold no VGGish. Add it with --vggish' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        convert(*AVSEGFORMER, '--without-vggish', *files)
    assert 'not for avsegformer' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        convert('--reverse', '--method', 'tpavi', '--vggish', tmp_path / 'v.pth', *files)
    assert 'not for tpavi --reverse' in capsys.readouterr().err

# Copyright (c) mmavs developers. All rights reserved.
"""The converter as a command: both directions, report, refusals."""

import os

import pytest
import torch
from official_names import official_checkpoint, vggish_checkpoint

from mmavs.utils.checkpoint import load_checkpoint_file

TOOL = 'tools/model_converters/official2mmavs.py'
AVSEGFORMER = ('--method', 'avsegformer')
TPAVI = ('--method', 'tpavi')


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


def test_classes_are_those_of_the_file(convert, tmp_path, capsys):
    torch.save(official_checkpoint('avsegformer', 'pvt', 'avss'), tmp_path / 'a.pth')
    convert(*AVSEGFORMER, tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert 'avsegformer with pvt and K = 71\n' in capsys.readouterr().out
    state_dict = load_checkpoint_file(tmp_path / 'b.pth')['state_dict']
    assert state_dict['decode_head.predictor.4.weight'].shape == (71, 32, 1, 1)


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
        convert(*TPAVI, *files)
    assert 'hold no VGGish. Add it with --vggish' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        convert(*AVSEGFORMER, '--without-vggish', *files)
    assert 'not for avsegformer' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        convert('--reverse', *TPAVI, '--vggish', tmp_path / 'v.pth', *files)
    assert 'not for tpavi --reverse' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('backbone', 'task', 'model'),
    [('resnet', 's4', 'resnet and K = 1'), ('pvt', 'avss', 'pvt and K = 71')],
)
def test_tpavi_with_vggish_and_back(backbone, task, model, convert, tmp_path, capsys):
    official = official_checkpoint('tpavi', backbone, task)
    torch.save(official, tmp_path / 'a.pth')
    torch.save(vggish_checkpoint(), tmp_path / 'vggish.pth')
    convert(*TPAVI, '--vggish', tmp_path / 'vggish.pth', tmp_path / 'a.pth', tmp_path / 'b.pth')
    output = capsys.readouterr().out
    assert f'tpavi with {model}\n' in output
    assert 'dropped    1 pproc.pca_means.*: PCA of the sound' in output
    ours = load_checkpoint_file(tmp_path / 'b.pth')['state_dict']
    last = vggish_checkpoint()['embeddings.4.bias']
    assert torch.equal(ours['audio_encoder.embeddings.4.bias'], last)

    convert('--reverse', *TPAVI, tmp_path / 'b.pth', tmp_path / 'c.pth')
    output = capsys.readouterr().out
    assert 'audio_encoder.embeddings.*: the official code has VGGish in a file of its own' in output
    back = load_checkpoint_file(tmp_path / 'c.pth')
    assert {name: t.shape for name, t in back.items()} == {n: t.shape for n, t in official.items()}


def test_tpavi_without_vggish(convert, tmp_path, capsys):
    torch.save(official_checkpoint('tpavi', 'resnet', 'ms3'), tmp_path / 'a.pth')
    convert(*TPAVI, '--without-vggish', tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert 'It holds no audio encoder: use it as load_from' in capsys.readouterr().out
    ours = load_checkpoint_file(tmp_path / 'b.pth')['state_dict']
    assert not any(name.startswith('audio_encoder.') for name in ours)
    convert('--reverse', *TPAVI, tmp_path / 'b.pth', tmp_path / 'c.pth')  # it needs none


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda name: 'align_channel.bias' not in name,
            r'4 missing .*fusions\.0\.audio_proj\.bias',
        ),
        (lambda name: name != 'tpavi_b3.W_z.1.running_var', r'1 missing .*fusions\.2\.bn'),
    ],
)
def test_an_incomplete_tpavi_file_is_refused(change, message, convert, tmp_path):
    official = official_checkpoint('tpavi', 'resnet', 's4')
    torch.save({n: t for n, t in official.items() if change(n)}, tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match=message):
        convert(*TPAVI, '--without-vggish', tmp_path / 'a.pth', tmp_path / 'b.pth')


def test_avss_of_tpavi_has_no_align_bias(convert, tmp_path):
    official = official_checkpoint('tpavi', 'resnet', 'avss')
    biases = {f'tpavi_b{i}.align_channel.bias': torch.zeros(256) for i in (1, 2, 3, 4)}
    torch.save({**official, **biases}, tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match='K = 71.* 0 missing; 4 unexpected'):
        convert(*TPAVI, '--without-vggish', tmp_path / 'a.pth', tmp_path / 'b.pth')


def test_another_file_as_vggish_is_refused(convert, tmp_path):
    torch.save(official_checkpoint('tpavi', 'resnet', 's4'), tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match=r'a\.pth: 630 of 630 tensors are not known'):
        convert(*TPAVI, '--vggish', tmp_path / 'a.pth', tmp_path / 'a.pth', tmp_path / 'b.pth')

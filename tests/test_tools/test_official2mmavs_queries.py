# Copyright (c) mmavs developers. All rights reserved.
"""The converter as a command on files of COMBO and VCT, as detectron2 writes them."""

import os

import numpy as np
import pytest
import torch
from official_query_names import official_query_checkpoint

from mmavs.utils.checkpoint import load_checkpoint_file

TOOL = 'tools/model_converters/official2mmavs.py'


def detectron2_checkpoint(weights):
    """What its periodic checkpointer saves of a run, with scores and learning rates of numpy."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.AdamW([parameter], lr=1e-4)
    parameter.sum().backward()
    optimizer.step()
    return dict(
        model=weights,
        optimizer=optimizer.state_dict(),
        scheduler=dict(base_lrs=[1e-4, np.float64(1e-5)], last_epoch=7, _step_count=8),
        trainer=dict(iteration=7, hooks={'BestCheckpointer': dict(best_metric=np.float32(0.5))}),
        iteration=np.int64(7),
        scores=np.arange(3.0),
    )


@pytest.fixture
def convert(tools):
    def run(*arguments):
        tools.load(TOOL).main(list(map(str, arguments)))

    return run


@pytest.mark.parametrize(
    ('checkpoint', 'size', 'model'),
    [
        (('combo', 'resnet', 's4'), 224, 'resnet and K = 2'),
        (('vct', 'swin', 'avss'), 384, 'swin and K = 71'),
        (('vct', 'pvt', 's4'), 224, 'pvt and K = 2'),
        (('vct', 'resnet', 'ms3'), 224, 'resnet and K = 2'),
    ],
)
def test_there_and_back(checkpoint, size, model, convert, tmp_path, capsys):
    method = checkpoint[0]
    official = official_query_checkpoint(*checkpoint, size)
    torch.save(detectron2_checkpoint(official), tmp_path / 'model_final.pth')
    convert('--method', method, tmp_path / 'model_final.pth', tmp_path / 'ours.pth')
    output = capsys.readouterr().out
    assert f'ours.pth: {method} with {model}\n' in output
    assert 'dropped    1 criterion.empty_weight.*: weights of the classes' in output
    ours = load_checkpoint_file(tmp_path / 'ours.pth')['state_dict']
    gate = 'scale_factor_module.2.fc1.weight'
    assert torch.equal(ours['maskige_gate.gates.2.fc1.weight'], official[gate])

    convert('--reverse', '--method', method, tmp_path / 'ours.pth', tmp_path / 'back.pth')
    back = load_checkpoint_file(tmp_path / 'back.pth')
    lost = {'criterion.empty_weight'}
    if method == 'vct':
        lost |= {name for name in official if name.startswith('audio_backbone.embeddings.')}
    assert {name: tensor.shape for name, tensor in back.items()} == {
        name: tensor.shape for name, tensor in official.items() if name not in lost
    }
    assert back._metadata == {'sem_seg_head': {'version': 2}}


def test_window_of_a_swin_is_that_of_the_file(convert, tmp_path, capsys):
    """At 224 the window is 7, so that the tables have 13 * 13 rows."""
    official = official_query_checkpoint('vct', 'swin', 'ms3', 224)
    for name, tensor in official.items():
        if name.endswith('relative_position_bias_table'):
            official[name] = tensor[:169]
        elif name.endswith('relative_position_index'):
            official[name] = tensor[:49, :49]
    torch.save(official, tmp_path / 'a.pth')
    convert('--method', 'vct', tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert 'vct with swin and K = 2\n' in capsys.readouterr().out


def test_the_twin_cannot_be_missing(convert, tmp_path):
    official = official_query_checkpoint('combo', 'resnet', 's4')
    torch.save(
        {'model': {n: t for n, t in official.items() if not n.startswith('pre_sam_backbone.')}},
        tmp_path / 'a.pth',
    )
    with pytest.raises(SystemExit, match=r'265 missing \(maskige_backbone\.'):
        convert('--method', 'combo', tmp_path / 'a.pth', tmp_path / 'b.pth')


def test_a_checkpoint_that_holds_code_is_refused(convert, tmp_path):
    weights = official_query_checkpoint('combo', 'resnet', 's4')
    torch.save(dict(model=weights, lambdas=[os.getcwd]), tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match=r'a\.pth was not loaded.*MMAVS_UNSAFE_LOAD=1'):
        convert('--method', 'combo', tmp_path / 'a.pth', tmp_path / 'b.pth')

# Copyright (c) mmavs developers. All rights reserved.
"""tools/test.py: every flag, text and lazy configs, and two processes on a CPU."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_run import make_run, run_on_two_processes

TEST = 'tools/test.py'
HOOK = ['--cfg-options', 'default_hooks.visualization.type=AVSVisualizationHook']


@pytest.fixture
def checkpoint(tmp_path):
    """y = 2x + 1.5 where y = 2x + 1 is right: the error is 0.5."""
    path = tmp_path / 'line.pth'
    torch.save({'state_dict': {'weight': torch.tensor([2.0]), 'bias': torch.tensor([1.5])}}, path)
    return path


@pytest.mark.parametrize('kind', ['text', 'lazy'])
def test_scores_go_to_out(kind, tools, toy_config, toy_lazy_config, checkpoint, tmp_path):
    config = {'text': toy_config, 'lazy': toy_lazy_config}[kind]
    out = tmp_path / 'new' / 'scores.json'
    tools.run(TEST, config, checkpoint, '--work-dir', tmp_path, '--out', out)
    assert json.loads(out.read_text()) == {'toy/error': pytest.approx(0.5), 'toy/count': 6}


def test_predictions_go_to_dump(tools, toy_config, checkpoint, tmp_path):
    dump = tmp_path / 'predictions.pkl'
    tools.run(TEST, toy_config, checkpoint, '--work-dir', tmp_path, '--dump', dump)
    written = pickle.loads(dump.read_bytes())  # our own file, from a moment ago
    assert [float(item['y']) for item in written] == pytest.approx([-0.5, 0.3, 1.1, 1.9, 2.7, 3.5])


@pytest.mark.parametrize('flag', ['--out', '--dump'])
def test_files_of_another_kind(flag, tools, toy_config, checkpoint, capsys):
    with pytest.raises(SystemExit):
        tools.run(TEST, toy_config, checkpoint, flag, 'scores.txt')
    assert f'{flag} expects a file that ends with' in capsys.readouterr().err


def test_show_flags_reach_the_hook(tools, toy_config, checkpoint):
    flags = ['--show', '--show-dir', 'pictures', '--interval', '3', '--wait-time', '1.5', *HOOK]
    hook = tools.config(TEST, toy_config, checkpoint, *flags).default_hooks.visualization
    assert (hook.draw, hook.show, hook.wait_time) == (True, True, 1.5)
    assert (hook.test_out_dir, hook.interval) == ('pictures', 3)


def test_without_show_the_hook_stays_as_it_was(tools, toy_config, checkpoint):
    hook = tools.config(TEST, toy_config, checkpoint, *HOOK).default_hooks.visualization
    assert dict(hook) == {'type': 'AVSVisualizationHook'}


def test_show_without_a_hook(tools, toy_config, checkpoint):
    with pytest.raises(SystemExit, match='need default_hooks.visualization'):
        tools.run(TEST, toy_config, checkpoint, '--show-dir', 'pictures')


def test_missing_checkpoint(tools, toy_config, tmp_path):
    with pytest.raises(SystemExit, match=r'^tools/test.py: .*no checkpoint at .*nothing\.pth'):
        tools.run(TEST, toy_config, tmp_path / 'nothing.pth', '--work-dir', tmp_path)


def test_a_checkpoint_that_runs_code(tools, toy_config, tmp_path):
    class RunsCode:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'the_code_ran'),)

    torch.save({'state_dict': {}, 'extra': RunsCode()}, tmp_path / 'malicious.pth')
    with pytest.raises(SystemExit, match=r'malicious\.pth was not loaded'):
        tools.run(TEST, toy_config, tmp_path / 'malicious.pth', '--work-dir', tmp_path)
    assert not (tmp_path / 'the_code_ran').exists()


@pytest.mark.parametrize('kind', ['text', 'lazy'])
@pytest.mark.parametrize(
    ('state', 'message'),
    [
        ({'weight': torch.ones(1)}, r'1 missing \(bias\); 0 unexpected'),
        ({'a.weight': torch.ones(1)}, r'2 missing \(weight, bias\); 1 unexpected \(a.weight\)'),
        ({'weight': torch.ones(2), 'bias': torch.ones(1)}, r'\(2,\) in the file, \(1,\) in the'),
    ],
)
def test_a_checkpoint_of_another_model(
    kind, state, message, tools, toy_config, toy_lazy_config, tmp_path
):
    """mmengine would load what fits and score the rest as it was drawn."""
    config = {'text': toy_config, 'lazy': toy_lazy_config}[kind]
    torch.save({'state_dict': state}, tmp_path / 'other.pth')
    out = tmp_path / 'scores.json'
    with pytest.raises(SystemExit, match=rf'^tools/test.py: .*does not fit.*{message}') as caught:
        tools.run(
            TEST, config, tmp_path / 'other.pth', '--work-dir', tmp_path / 'work', '--out', out
        )
    assert '\n' not in caught.value.code and not out.exists()


@pytest.mark.parametrize('content', [b'garbage', None])
def test_no_checkpoint_is_one_line(content, tools, toy_config, tmp_path):
    path = tmp_path / 'broken.pth'
    torch.save([1, 2], path) if content is None else path.write_bytes(content)
    with pytest.raises(SystemExit, match=r'^tools/test.py: .*broken\.pth') as caught:
        tools.run(TEST, toy_config, path, '--work-dir', tmp_path)
    assert '\n' not in caught.value.code


def test_averaged_weights_are_scored(tools, toy_config, tmp_path):
    """state_dict of a run with EMAHook holds the average; ema_state_dict what was trained."""
    average = {'weight': torch.tensor([2.0]), 'bias': torch.tensor([1.5])}
    raw = {'steps': torch.tensor(3), 'module.weight': torch.zeros(1), 'module.bias': torch.zeros(1)}
    torch.save({'state_dict': average, 'ema_state_dict': raw}, tmp_path / 'ema.pth')
    with_hook = tmp_path / 'ema_config.py'
    with_hook.write_text(f"_base_ = {str(toy_config)!r}\ncustom_hooks = [dict(type='EMAHook')]\n")
    for config in (toy_config, with_hook):
        out = tmp_path / 'scores.json'
        tools.run(TEST, config, tmp_path / 'ema.pth', '--work-dir', tmp_path, '--out', out)
        assert json.loads(out.read_text())['toy/error'] == pytest.approx(0.5)
        out.unlink()


def test_two_processes_count_every_clip_once(root, toy_config, checkpoint, tmp_path, free_port):
    """5 clips on 2 processes: the sampler pads to 6, the score must not."""
    out = tmp_path / 'scores.json'
    environment = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': f'{root}:{toy_config.parent}',
        'PORT': str(free_port),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
    }
    command = ['bash', 'tools/dist_test.sh', toy_config, checkpoint, '2', '--work-dir', tmp_path]
    options = ['--out', str(out), '--cfg-options', 'test_dataloader.dataset.size=5']
    result = subprocess.run(
        [*map(str, command), *options], cwd=root, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-9000:]
    assert json.loads(out.read_text()) == {'toy/error': pytest.approx(0.5), 'toy/count': 5}


def test_two_processes_and_a_checkpoint_of_another_model(root, toy_config, tmp_path, free_port):
    torch.save({'state_dict': {'weight': torch.ones(1)}}, tmp_path / 'other.pth')
    environment = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': f'{root}:{toy_config.parent}',
        'PORT': str(free_port),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
    }
    command = ['bash', 'tools/dist_test.sh', toy_config, tmp_path / 'other.pth', '2']
    result = subprocess.run(
        [*map(str, command), '--work-dir', str(tmp_path)],
        cwd=root, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode != 0
    assert 'tools/test.py: ' in result.stderr and '1 missing (bias)' in result.stderr


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('tiny'))


def test_protocols(tools, tiny_run, tmp_path, capsys):
    config, model = tiny_run
    common = (TEST, config, model, '--work-dir', tmp_path, '--out')
    tools.run(*common, tmp_path / 'all.json', '--protocol', 'all')
    table = capsys.readouterr().out
    scores = json.loads((tmp_path / 'all.json').read_text())
    names = {name.split('/')[0] for name in scores}
    assert names == {'avsegformer', 'tpavi', 'vct', 'avsbench', 'cavp', 'ravs'}
    assert table.count('Published protocols for binary clips') == 1
    for name, score in (('tpavi', 'mIoU_b4'), ('vct', 'Fscore_b1'), ('ravs', 'mIoU')):
        (row,) = (line for line in table.splitlines() if line.startswith(f'| {name} '))
        assert f' {scores[f"{name}/{score}"]:.2f} ' in row
    # Some of them, and what the config itself has.
    tools.run(*common, tmp_path / 'two.json', '--protocol', 'cavp,avsegformer')
    two = json.loads((tmp_path / 'two.json').read_text())
    assert two == {k: v for k, v in scores.items() if k.startswith(('cavp', 'avsegformer'))}
    capsys.readouterr()
    tools.run(*common, tmp_path / 'none.json')
    plain = json.loads((tmp_path / 'none.json').read_text())
    assert plain['avs/Fscore_b2'] == scores['avsegformer/Fscore_b2']
    assert 'protocol' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ('choice', 'message'),
    [('coco', 'There is no protocol "coco"'), (',', 'No protocol is named')],
)
def test_unknown_protocol(choice, message, tools, tiny_run, tmp_path):
    with pytest.raises(SystemExit, match=rf'^tools/test.py: {message}') as caught:
        tools.run(TEST, *tiny_run, '--work-dir', tmp_path, '--protocol', choice)
    assert '\n' not in caught.value.code


def test_data_without_a_protocol(tools, toy_config, checkpoint, tmp_path):
    with pytest.raises(SystemExit, match='No published protocol is for ToyDataset with 1 classes'):
        tools.run(TEST, toy_config, checkpoint, '--work-dir', tmp_path, '--protocol', 'all')


def test_protocols_on_two_processes(tools, tiny_run, tmp_path, free_port):
    """5 clips: the sampler pads to 6. One process prints."""
    common = (*tiny_run, '--work-dir', tmp_path, '--protocol', 'all', '--out')
    printed = run_on_two_processes(TEST, free_port, *common, tmp_path / 'two.json')
    assert printed.count('Published protocols') == 1
    tools.run(TEST, *common, tmp_path / 'one.json')
    one, two = (json.loads((tmp_path / f'{n}.json').read_text()) for n in ('one', 'two'))
    assert two == pytest.approx(one, abs=1e-3)  # networks differ by rounding with the batch

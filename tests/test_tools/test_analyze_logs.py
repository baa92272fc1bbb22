# Copyright (c) mmavs developers. All rights reserved.
"""tools/analysis_tools/analyze_logs.py on a real log, and on lines written here."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from mmavs.utils.training_log import read_training_log

TOOL = 'tools/analysis_tools/analyze_logs.py'


def train_line(step, loss, **more):
    return dict(lr=0.1, data_time=0.01, loss=loss, time=0.1, iter=step, step=step, **more)


@pytest.fixture
def write(tmp_path):
    """Writes a run of a work dir; the work dir."""

    def write(name, lines, work_dir='work'):
        file = tmp_path / work_dir / name / 'vis_data/scalars.json'
        file.parent.mkdir(parents=True)
        file.write_text('\n'.join(map(json.dumps, lines)) + '\n')
        return tmp_path / work_dir

    return write


def test_a_real_training(tools, toy_config, tmp_path, capsys):
    options = ('--work-dir', tmp_path / 'run')
    logger = ['default_hooks.logger.type=LoggerHook', 'default_hooks.logger.interval=1']
    tools.run('tools/train.py', toy_config, *options, '--cfg-options', *logger)
    whole = read_training_log(tmp_path / 'run')
    assert [step for step, _ in whole.values['toy/error']] == [
        whole.last_step * epoch // 3 for epoch in (1, 2, 3)
    ]
    assert len(whole.values['loss']) == whole.last_step
    assert whole.scores == ['toy/error', 'toy/count']
    out = tmp_path / 'a' / 'curves.png'
    tools.load(TOOL).main([str(tmp_path / 'run'), '--out', str(out)])
    with Image.open(out) as image:
        assert np.asarray(image.convert('L')).std() > 5 and image.width > 2 * image.height
    text = capsys.readouterr().out
    assert f'Written: {out}' in text
    last = whole.values['loss'][-1][1]
    assert f'{last:.4g}' in text


def test_a_resumed_run_replaces_the_end(write):
    write('20260101_000000', [train_line(k, k) for k in (10, 20, 30)] + [{'a/b': 1.0, 'step': 3}])
    work = write('20260102_000000', [train_line(20, 5), {'a/b': 2.0, 'time': 9.0, 'step': 2}])
    log = read_training_log(work)
    assert log.values['loss'] == [(10, 10.0), (20, 5.0)]
    assert log.values['a/b'] == [(20, 2.0)]
    assert log.mean('time') == pytest.approx(0.1)  # a validation's time is another one
    assert log.last_step == 20
    alone = read_training_log(work / '20260101_000000')
    assert alone.values['a/b'] == [(30, 1.0)]


def test_what_a_test_wrote_is_passed_over(write):
    write('1', [{'a/b': 7.0, 'step': 0}])
    work = write('2', [train_line(10, 1.0), {'a/b': math.nan, 'step': 1}])
    log = read_training_log(work)
    assert [step for step, _ in log.values['a/b']] == [10]
    with pytest.raises(ValueError, match='only of tests'):
        read_training_log(work / '1')


def test_smoothing(tools):
    """Against the sum that it stands for."""
    values, share = [1.0, 3.0, 2.0, 6.0], 0.6
    expected = []
    for n in range(len(values)):
        weights = [(1 - share) * share ** (n - k) for k in range(1, n + 1)]
        expected.append(values[0] * share**n + np.dot(weights, values[1 : n + 1]))
    assert tools.load(TOOL).smoothed(values, share) == pytest.approx(expected)


def test_names_of_logs(tools, write, tmp_path, capsys):
    first, second = (
        write('1', [train_line(10, loss), train_line(20, loss / 2)], f'{loss}/work')
        for loss in (4.0, 8.0)
    )
    out = ['--out', str(tmp_path / 'c.svg'), '--smooth', '0.5']
    tools.load(TOOL).main([str(first), str(second), *out])
    assert str(second) in capsys.readouterr().out  # both folders are called work
    tools.load(TOOL).main([str(first), str(second), '--legend', 'narrow', 'wide', *out])
    text = capsys.readouterr().out
    assert 'narrow' in text and str(first) not in text
    row = next(line for line in text.splitlines() if 'wide' in line and 'loss' in line)
    assert [cell.strip() for cell in row.strip('|').split('|')][2:] == ['4', '4', '20', '8', '10']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{work}', '--keys', 'avs/x'], 'avs/x: no log has that. There are: .*loss'),
        (['{work}/nothing'], 'no scalars.json here'),
        (['{work}/broken.json'], "broken.json, line 1: expected a JSON object, found 'loss: 3'"),
    ],
)
def test_errors(tools, write, arguments, message):
    work = write('1', [train_line(10, 1.0)])
    (work / 'broken.json').write_text('loss: 3\n')
    with pytest.raises(SystemExit, match=f'^{TOOL}: .*{message}'):
        tools.load(TOOL).main([argument.format(work=work) for argument in arguments])


@pytest.mark.parametrize('arguments', [['--smooth', '1'], ['--legend', 'a', 'b']])
def test_wrong_arguments(tools, arguments, capsys):
    with pytest.raises(SystemExit, match='2'):
        tools.load(TOOL).main(['log', *arguments])
    assert arguments[0] in capsys.readouterr().err

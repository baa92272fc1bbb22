# Copyright (c) mmavs developers. All rights reserved.
"""tools/analysis_tools/benchmark.py on a narrow model."""

import json

import pytest
import torch
from torch import nn

from mmavs.utils.stage_timer import StageTimer

TOOL = 'tools/analysis_tools/benchmark.py'
CONFIG = 'configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py'


@pytest.fixture
def run(tools, root, tmp_path, capsys):
    """Runs the tool; gives the numbers that it wrote and what it printed."""

    def run(*arguments):
        out = tmp_path / 'speed.json'
        arguments = [root / CONFIG, '--device', 'cpu', '--out', out, *arguments]
        tools.load(TOOL).main(list(map(str, arguments)))
        return json.loads(out.read_text()), capsys.readouterr().out

    return run


def test_numbers_agree(run):
    numbers, text = run('--frames', 2, '--batch', 2, '--size', 64, 64, '--repeat', 2, '--warmup', 1)
    seconds = numbers['ms_per_batch'] / 1000
    assert numbers['clips_per_second'] == pytest.approx(2 / seconds)
    assert numbers['frames_per_second'] == pytest.approx(4 / seconds)
    assert numbers['ms_fastest'] <= numbers['ms_per_batch'] <= numbers['ms_slowest']
    stages = numbers['stages_ms']
    assert list(stages)[:4] == ['data_preprocessor', 'backbone', 'audio_encoder', 'decode_head']
    assert {'decode_head.pixel_decoder', 'decode_head.decoder', 'rest'} <= set(stages)
    assert 'decode_head.loss_mask' not in stages  # it was not called
    assert all(value > 0 for value in stages.values())
    assert 'decode_head (its own)' in text
    assert f'{numbers["clips_per_second"]:.3g} clips/s' in text
    assert numbers['memory_mib'] >= numbers['memory_before_mib'] > 0


def test_size_of_the_config_and_half_precision(run):
    numbers, text = run('--frames', 1, '--repeat', 1, '--warmup', 0, '--amp', 'bfloat16')
    assert numbers['size'] == [96, 96] and 'bfloat16' in text


class Worker(nn.Module):
    """Lets a clock go on, and calls what is inside twice."""

    def __init__(self, clock, seconds, inner=None):
        super().__init__()
        self.clock, self.duration = clock, seconds
        self.inner = inner or nn.Identity()

    def forward(self, x):
        self.clock[0] += self.duration
        return self.inner(self.inner(x))


def test_each_stage_has_its_own_time(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr('mmavs.utils.stage_timer.time.perf_counter', lambda: clock[0])
    inner = Worker(clock, 2)
    model = nn.Sequential(Worker(clock, 5, inner), Worker(clock, 1), nn.Identity())
    with StageTimer(model, ['0', '0.inner', '1', '2']) as timer:
        model(torch.zeros(1))
        model(torch.zeros(1))
    assert timer.seconds == {'0': 10, '0.inner': 8, '1': 2, '2': 0}
    model(torch.zeros(1))
    assert timer.seconds['1'] == 2  # the hooks are gone


@pytest.mark.parametrize('arguments', [['--batch', '0'], ['--warmup', '-1'], ['--amp', 'int8']])
def test_wrong_arguments(run, arguments, capsys):
    with pytest.raises(SystemExit, match='2'):
        run(*arguments)
    assert arguments[0] in capsys.readouterr().err


def test_no_size(run):
    with pytest.raises(SystemExit, match=f'^{TOOL}: .*give --size H W'):
        run('--cfg-options', 'test_dataloader.dataset.pipeline=[]')

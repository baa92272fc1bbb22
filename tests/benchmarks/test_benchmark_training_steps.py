# Copyright (c) mmavs developers. All rights reserved.
"""The benchmarks of training steps say what they compare, and the saving is there."""

import re
import runpy
import sys

import pytest
from mmengine.config import Config

from mmavs.testing.tiny import annotated_frames, tiny_vct
from mmavs.testing.training_steps import TrainingSteps, report, seconds_by_turns

CONFIG = 'configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py'


def run(root, monkeypatch, capsys, name, *arguments):
    """Ratio of each variant, in the order printed."""
    script = root / f'tools/analysis_tools/benchmark_{name}.py'
    sizes = ['--size', '64', '--batch', '2', '--repeat', '1']
    monkeypatch.setattr(sys, 'argv', [str(script), str(root / CONFIG), *sizes, *arguments])
    runpy.run_path(str(script), run_name='__main__')
    return [float(x) for x in re.findall(r'ratio (\S+)', capsys.readouterr().out)]


def test_annotated_frames(root, monkeypatch, capsys):
    whole, annotated = run(root, monkeypatch, capsys, 'annotated_frames')
    assert whole == 1 > annotated  # one frame of five


def test_padded_frames(root, monkeypatch, capsys):
    length = ['--frames', '1', '--length', '10']
    official, backbone, skip = run(root, monkeypatch, capsys, 'padded_frames', *length)
    assert official == 1 > backbone and skip < 1


def test_clips_have_what_vct_reads(tmp_path):
    """Maskiges and, where PAC asks for it, a category, which the annotated frame keeps."""
    model = tiny_vct(image_size=64)
    model['decode_head']['query_generator']['num_prototypes'] = 4
    model['decode_head']['loss_pac']['labels'] = 'category'
    optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
    Config(dict(model=model, optim_wrapper=optim_wrapper)).dump(tmp_path / 'config.py')
    steps = TrainingSteps(tmp_path / 'config.py')
    short = annotated_frames(steps.random_clip(5, 64, seed=2, annotated=(0,)))
    assert short['data_samples'].gt_audio_labels.tolist() == [0, 0, 1, 0]
    assert len(short['inputs']['maskige']) == len(short['inputs']['imgs']) == 1
    before = steps.model.decode_head.loss_pac.audio_proj.weight.clone()
    steps.run([short])
    assert not before.equal(steps.model.decode_head.loss_pac.audio_proj.weight)


def test_padding_must_be_shorter_than_the_clip(root, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(root, monkeypatch, capsys, 'padded_frames', '--frames', '10')
    assert '--frames must be at least 1 and less than --length (10)' in capsys.readouterr().err


def test_turns_and_ratios():
    calls = []
    seconds = seconds_by_turns({name: lambda name=name: calls.append(name) for name in 'ab'}, 3)
    assert calls == ['a', 'b'] * 4 and [len(turns) for turns in seconds.values()] == [3, 3]
    text = report({'a': [1.0, 2.0, 4.0], 'bb': [2.0, 1.0, 2.0]}, 'a')
    assert text == 'a      2.000 s a step, ratio 1.000\nbb     2.000 s a step, ratio 0.500'


def test_prompting(root, monkeypatch, capsys):
    """Both configs take steps, CPM's with prompts: it costs more, in time and in memory."""
    script = root / 'tools/analysis_tools/benchmark_prompting.py'
    configs = [
        str(root / f'configs/cpm/{name}_r18_vggish_1xb16-48e_synthavss-96x96.py')
        for name in ('cpm_baseline', 'cpm')
    ]
    sizes = ['--size', '64', '--batch', '4', '--repeat', '1']
    monkeypatch.setattr(sys, 'argv', [str(script), *configs, *sizes])
    runpy.run_path(str(script), run_name='__main__')
    first, time, whole, memory = map(float, re.findall(r'ratio (\S+)', capsys.readouterr().out))
    assert first == whole == 1 < time and memory > 1

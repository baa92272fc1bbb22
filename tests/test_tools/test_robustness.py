# Copyright (c) mmavs developers. All rights reserved.
"""tools/analysis_tools/robustness.py on a small MS3 tree."""

import json
import shutil

import pytest
from mmengine.config import Config
from PIL import Image
from tiny_run import make_run, run_on_two_processes

ROBUSTNESS = 'tools/analysis_tools/robustness.py'
CONDITIONS = ['original', 'silence', 'noise', 'offscreen', 'swapped']


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('tiny'))


def leaves(cfg):
    return cfg.test_dataloader.dataset.datasets


def test_all_conditions(tools, tiny_run, tmp_path, capsys):
    tools.run(ROBUSTNESS, *tiny_run, '--out-dir', tmp_path)
    report = json.loads((tmp_path / 'robustness.json').read_text())
    assert list(report['conditions']) == CONDITIONS
    assert set(report['conditions']['original']) == {'mIoU', 'F', 'FPR'}
    assert set(report['conditions']['noise']) == {'mIoU', 'F', 'FPR', 'G_mIoU', 'G_F'}
    assert set(report['global']) == {'G_mIoU', 'G_F', 'G_FPR'}
    text = (tmp_path / 'robustness.md').read_text()
    printed = capsys.readouterr().out
    for condition, scores in report['conditions'].items():
        row = f'| {condition} | {scores["mIoU"]:.2f} | {scores["F"]:.2f} |'
        assert row in text and row in printed
    with Image.open(tmp_path / 'robustness.png') as image:
        assert image.format == 'PNG'
    clips = {f'ms3_test_0000{i}' for i in range(5)}
    for condition in ('offscreen', 'swapped'):
        drawn = json.loads((tmp_path / f'{condition}_seed0.json').read_text())['sounds']
        assert set(drawn) == clips and all(drawn[clip] != clip for clip in clips)


def test_the_original_is_what_test_py_reports(tools, tiny_run, tmp_path):
    tools.run('tools/test.py', *tiny_run, '--work-dir', tmp_path, '--out', tmp_path / 'test.json')
    expected = json.loads((tmp_path / 'test.json').read_text())
    options = ['--conditions', 'silence', 'original', '--f-batch-size', 2]
    tools.run(ROBUSTNESS, *tiny_run, '--out-dir', tmp_path, *options)
    report = json.loads((tmp_path / 'robustness.json').read_text())
    assert list(report['conditions']) == ['original', 'silence']
    original = report['conditions']['original']
    assert original['mIoU'] == pytest.approx(expected['avs/mIoU'], abs=1e-3)
    assert original['F'] == pytest.approx(expected['avs/Fscore_b2'], abs=1e-3)


def test_flags_reach_the_data_sets(tools, tiny_run, tmp_path):
    flags = ['--noise-level', 0.7, '--seed', 3, '--out-dir', tmp_path]
    cfg = tools.config(ROBUSTNESS, *tiny_run, *flags)
    assert [leaf.audio_condition for leaf in leaves(cfg)] == CONDITIONS
    own = leaves(cfg)[3].condition_cfg
    assert (own.seed, own.level) == (3, 0.7)
    assert own.map_file == str(tmp_path / 'offscreen_seed3.json')
    assert own.objects_file == str(tiny_run[0].parent / 'data' / 'objects.csv')
    cfg = tools.config(ROBUSTNESS, *tiny_run, '--objects-file', 'mine.csv')
    assert leaves(cfg)[3].condition_cfg.objects_file == 'mine.csv'
    assert cfg.work_dir == 'work_dirs/config/robustness'
    options = ['--cfg-options', 'test_dataloader.dataset.condition_cfg.kind=gaussian']
    cfg = tools.config(ROBUSTNESS, *tiny_run, *options)
    assert leaves(cfg)[2].condition_cfg.kind == 'gaussian'


def test_several_data_sets_and_wrappers(tools, tiny_run, tmp_path):
    cfg = Config.fromfile(tiny_run[0])
    leaf = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[leaf, leaf])
    cfg.dump(tmp_path / 'two.py')
    flags = ['--conditions', 'original', 'swapped', '--out-dir', 'out']
    both = leaves(tools.config(ROBUSTNESS, tmp_path / 'two.py', tiny_run[1], *flags))
    assert [part.audio_condition for part in both] == ['original'] * 2 + ['swapped'] * 2
    maps = [part.condition_cfg.map_file for part in both[2:]]
    assert maps == ['out/swapped_seed0.json', 'out/swapped1_seed0.json']
    cfg.test_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=leaf)
    cfg.dump(tmp_path / 'repeated.py')
    with pytest.raises(SystemExit, match='robustness.py: .*is wrapped in RepeatDataset'):
        tools.run(ROBUSTNESS, tmp_path / 'repeated.py', tiny_run[1], '--out-dir', tmp_path)


def test_a_condition_that_is_not_to_be_had(tools, tiny_run, tmp_path):
    shutil.copytree(tiny_run[0].parent, tmp_path / 'run')
    (tmp_path / 'run/data/objects.csv').unlink()
    options = ['--cfg-options', f'test_dataloader.dataset.data_root={tmp_path}/run/data']
    with pytest.raises(SystemExit) as caught:
        tools.run(ROBUSTNESS, *tiny_run, '--out-dir', tmp_path / 'out', *options)
    message = caught.value.code
    assert message.startswith("tools/analysis_tools/robustness.py: audio_condition='offscreen'")
    assert 'Name the csv with --objects-file' in message
    assert message.endswith('To do without offscreen: --conditions original silence noise swapped')
    options[-1] = 'test_dataloader.dataset.data_root=nowhere'
    with pytest.raises(SystemExit, match='data_root "nowhere" of .* is not a folder') as caught:
        tools.run(ROBUSTNESS, *tiny_run, '--out-dir', tmp_path / 'out', *options)
    assert '--conditions' not in caught.value.code


def test_sounds_of_an_earlier_run_on_other_data(tools, tiny_run, tmp_path):
    drawn_for = dict(audio_condition='swapped', dataset='AVSBenchMS3Dataset', split='val')
    stored = tmp_path / 'swapped_seed0.json'
    stored.write_text(json.dumps(dict(drawn_for=drawn_for, clips={}, sounds={})))
    with pytest.raises(SystemExit) as caught:
        tools.run(ROBUSTNESS, *tiny_run, '--out-dir', tmp_path, '--conditions', 'swapped')
    assert f"map_file {stored} was drawn for split 'val', not 'test'" in caught.value.code
    assert not (tmp_path / 'robustness.json').exists()


def test_a_checkpoint_of_another_model(tools, tiny_run, tmp_path):
    with pytest.raises(SystemExit, match=r'robustness.py: .*nothing\.pth'):
        tools.run(ROBUSTNESS, tiny_run[0], tmp_path / 'nothing.pth', '--out-dir', tmp_path)


def test_two_processes_equal_one(tools, tiny_run, tmp_path, free_port):
    """3 conditions of 5 clips: 15 on 2 processes, the sampler pads to 16."""
    flags = ['--conditions', 'original', 'noise', 'offscreen']
    printed = run_on_two_processes(
        ROBUSTNESS, free_port, *tiny_run, '--out-dir', tmp_path / 'two', *flags
    )
    assert printed.count('| original |') == 1
    tools.run(ROBUSTNESS, *tiny_run, '--out-dir', tmp_path / 'one', *flags)
    one, two = (
        json.loads((tmp_path / number / 'robustness.json').read_text()) for number in ('one', 'two')
    )
    for condition, scores in one['conditions'].items():
        # Networks differ by rounding with the batch.
        assert two['conditions'][condition] == pytest.approx(scores, abs=1e-3)
    assert two['global'] == pytest.approx(one['global'], abs=1e-3)
    maps = [(tmp_path / number / 'offscreen_seed0.json').read_text() for number in ('one', 'two')]
    assert maps[0] == maps[1]

# Copyright (c) mmavs developers. All rights reserved.
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import synth_trees

from mmavs.datasets.transforms import LoadClipMasks

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tools' / 'analysis_tools' / 'benchmark_loading.py'
S4 = ROOT / 'configs' / '_base_' / 'datasets' / 'avsbench_s4_512x512.py'
FEW = ['--clips', '2', '--repeat', '1', '--loads', '3']


@pytest.fixture
def benchmark(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, 'argv', [str(SCRIPT), *map(str, arguments), *FEW])
        runpy.run_path(str(SCRIPT), run_name='__main__')
        return capsys.readouterr().out

    return run


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    root = synth_trees.write_tree('s4', tmp_path_factory.mktemp('tree') / 's4')
    for path in root.glob('s4_data/audio_wav/*/*/*.wav'):  # so that the sound is resampled too
        waveform, rate = soundfile.read(path)
        soundfile.write(path, waveform.repeat(2), 2 * rate)
    return root


@pytest.mark.parametrize('split', ['train', 'test'])
def test_shares_ratios_and_clips_a_second(benchmark, tree, split):
    output = benchmark(S4, '--data-root', tree, '--split', split, '--workers', 0, 1)
    steps = ['decode frames', 'decode masks', 'read sound', 'resize (PillowResize)', 'pack', 'all']
    rows = [line for line in output.splitlines() if '%' in line]
    assert [row[:32].rstrip() for row in rows] == steps
    values = np.array([re.findall(r'[\d.]+', row[32:]) for row in rows], float)
    assert values.shape == (6, 4) and (values >= 0).all()
    assert values[:5, 1].sum() == pytest.approx(100, abs=3) and values[5, 1] == 100
    assert values[:5, 0].sum() == pytest.approx(values[5, 0], rel=0.1)
    rates = re.findall(r'^(\d) workers: ([\d.]+) clips/s, ([\d.]+) a worker', output, re.M)
    assert [count for count, _, _ in rates] == ['0', '1']
    assert all(float(rate) > 0 for _, rate, _ in rates)


@pytest.mark.parametrize('pictures', ['synth', 'photo'])
def test_without_data(benchmark, pictures):
    output = benchmark(S4, '--pictures', pictures, '--workers')
    assert 'avsbench_s4_512x512.py, train: 2 clips, median of 1 turns' in output
    assert 'workers' not in output.rpartition('turns')[2]


def test_other_pipelines_have_shares_alone(benchmark, tmp_path):
    tree = synth_trees.write_tree('avss', tmp_path / 'avss')
    config = ROOT / 'configs/_base_/datasets/avss_224x224.py'
    output = benchmark(config, '--data-root', tree, '--workers', 0)
    rows = [line for line in output.splitlines() if '%' in line]
    assert len(rows) == 6 and rows[3].startswith('resize (ResizeShortSide, CenterCrop)')
    assert all(len(re.findall(r'[\d.]+', row[36:])) == 2 for row in rows)


def test_versions_that_differ_are_not_compared(benchmark, tree, monkeypatch):
    transform = LoadClipMasks.transform

    def invert(self, results):
        results = transform(self, results)
        results['gt_seg_maps'] = [1 - mask for mask in results['gt_seg_maps']]
        return results

    monkeypatch.setattr(LoadClipMasks, 'transform', invert)
    with pytest.raises(RuntimeError, match='Clip 0 of the two versions is not the same'):
        benchmark(S4, '--data-root', tree, '--workers', 0)


def test_pictures_like_photographs():
    photo_like = runpy.run_path(str(SCRIPT))['photo_like']
    picture = photo_like(0, 64)
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
    assert np.array_equal(picture, photo_like(0, 64))
    grey = picture.mean(-1)
    # Neighbours are alike, as in a photograph and not in noise.
    assert np.corrcoef(grey[:, :-1].ravel(), grey[:, 1:].ravel())[0, 1] > 0.6

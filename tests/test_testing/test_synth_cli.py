# Copyright (c) mmavs developers. All rights reserved.
"""The command line of the synthetic benchmark."""

import importlib.util
import re
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'synth_avs.py'
SMALL = ['--train', '2', '--val', '1', '--test', '1', '--image-size', '16']


@pytest.fixture(scope='module')
def main():
    spec = importlib.util.spec_from_file_location('synth_avs_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_writes_both_sets_and_videos_and_says_so(main, tmp_path, capsys):
    video = ['--video', '1', '--video-seconds', '1', '--video-size', '48', '32']
    main([str(tmp_path), '--subset', 'both', *SMALL, *video, '--video-fps', '30000/1001'])
    said = capsys.readouterr().out
    assert (tmp_path / 'Single-source' / 's4_meta_data.csv').is_file()
    assert (tmp_path / 'Multi-sources' / 'ms3_meta_data.csv').is_file()
    assert (tmp_path / 'videos' / 'clip_000.mp4').is_file()
    assert (tmp_path / 'videos' / 'clip_000_truth' / 'truth.json').is_file()
    ceilings = [float(value) for value in re.findall(r'ceiling ([\d.]+) mIoU', said)]
    assert len(ceilings) == 6
    assert ceilings[:3] == [0.3333] * 3
    assert str(tmp_path / 'Single-source') in said.replace('\n', '')


def test_force(main, tmp_path):
    main([str(tmp_path), *SMALL])
    with pytest.raises(SystemExit, match='error: .*Single-source already holds.*--force'):
        main([str(tmp_path), *SMALL])
    main([str(tmp_path), *SMALL, '--force', '--seed', '1'])


def test_bad_arguments_give_one_line(main, tmp_path):
    with pytest.raises(SystemExit, match='error: num_objects=20'):
        main([str(tmp_path), *SMALL, '--num-objects', '20'])
    with pytest.raises(SystemExit, match='Nothing to write'):
        main([str(tmp_path), '--subset', 'none'])
    assert not list(tmp_path.iterdir())

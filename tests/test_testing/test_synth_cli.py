# Copyright (c) mmavs developers. All rights reserved.
"""The command line of the synthetic benchmark."""

import importlib.util
import json
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


def test_writes_all_sets_with_all_knobs(main, tmp_path, capsys):
    size = ['--image-size', '16', '24', '--vct-layout', '--vct-sizes', '20', '16', '--maskige']
    main(
        [str(tmp_path), '--subset', 'all', '--train', '3', '--val', '1', '--test', '3', *size]
        + ['--twins', '1', '--offscreen-prob', '0.5']
    )
    said = capsys.readouterr().out
    assert (tmp_path / 'Single-source' / 's4_data_384' / 'gt_masks_224').is_dir()
    assert (tmp_path / 'Multi-sources' / 'ms3_data' / 'pre_SAM_mask').is_dir()
    assert (tmp_path / 'AVSS' / 'pre_SAM_mask' / 'AVSBench_semantic' / 'v2').is_dir()
    assert (tmp_path / 'vpo' / 'VPO' / 'VPO-MSMI' / 'vpo_msmi_data_stereo.csv').is_file()
    assert re.search(r'test v2 +1 clips, 10 masks; audio-blind ceiling 0\.\d{4}', said)
    assert re.search(r'train msmi +2 clips, 2 masks', said)
    knobs = json.loads((tmp_path / 'vpo' / 'synth_meta.json').read_text())['knobs']
    assert (knobs['image_size'], knobs['twins'], knobs['offscreen_prob']) == ([16, 24], 1, 0.5)


def test_force(main, tmp_path):
    main([str(tmp_path), *SMALL])
    with pytest.raises(SystemExit, match='error: .*Single-source already holds.*--force'):
        main([str(tmp_path), *SMALL])
    main([str(tmp_path), *SMALL, '--force', '--seed', '1'])


def test_bad_arguments_give_one_line(main, tmp_path):
    with pytest.raises(SystemExit, match='error: num_objects=20'):
        main([str(tmp_path), *SMALL, '--num-objects', '20'])
    with pytest.raises(SystemExit, match='one or two numbers'):
        main([str(tmp_path), *SMALL[:-2], '--image-size', '16', '16', '16'])
    with pytest.raises(SystemExit, match='Nothing to write'):
        main([str(tmp_path), '--subset', 'none'])
    assert not list(tmp_path.iterdir())

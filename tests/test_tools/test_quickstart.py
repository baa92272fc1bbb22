# Copyright (c) mmavs developers. All rights reserved.
"""The quick start after an interruption while it wrote its data."""

import importlib.util
import json

import pytest


@pytest.fixture
def tool(root):
    path = root / 'tools/misc/quickstart.py'
    spec = importlib.util.spec_from_file_location('quickstart', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def whole_data(folder):
    for name in ('Multi-sources', 'videos/clip_000_truth'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    counts = {'train': {'clips': 4}, 'test': {'clips': 2, 'ceiling': 0.5}}
    meta = {'complete': True, 'splits': counts}
    (folder / 'Multi-sources/synth_meta.json').write_text(json.dumps(meta))
    (folder / 'videos/clip_000.mp4').touch()
    (folder / 'videos/clip_000_truth/truth.json').touch()


def no_clips(folder):
    meta = {'complete': False, 'splits': {}}
    (folder / 'Multi-sources/synth_meta.json').write_text(json.dumps(meta))


def half_meta(folder):
    (folder / 'Multi-sources/synth_meta.json').write_text('{"comp')


def no_video(folder):
    (folder / 'videos/clip_000.mp4').unlink()


def half_video(folder):
    (folder / 'videos/clip_000_truth/truth.json').unlink()


@pytest.mark.parametrize('damage', [None, no_clips, half_meta, no_video, half_video])
def test_data_are_written_again_unless_whole(damage, tool, tmp_path, monkeypatch):
    runs = []

    def write(*args):
        runs.append(args)
        whole_data(tmp_path / 'data')

    monkeypatch.setattr(tool, 'run', write)
    whole_data(tmp_path / 'data')
    if damage is not None:
        damage(tmp_path / 'data')
    root, video, ceiling = tool.write_data(tmp_path, 4, 2)
    assert len(runs) == (damage is not None)
    assert (root.name, video.name, ceiling) == ('Multi-sources', 'clip_000.mp4', 50.0)

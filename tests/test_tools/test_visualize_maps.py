# Copyright (c) mmavs developers. All rights reserved.
"""tools/analysis_tools/visualize_maps.py on a tiny model with made-up maps."""

import numpy as np
import pytest
import toy_maps  # noqa: F401  registers the head
from PIL import Image
from tiny_run import make_run

from mmavs.visualization import MAP_READERS

TOOL = 'tools/analysis_tools/visualize_maps.py'
ROW = 186  # pixels of a row of pictures and the gap under it
ROWS = dict(uncertainty=1, relevance=2, groups=2, attention=6, bridge=4)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    config, weights = make_run(folder, num_clips=3, size=32)
    toy = folder / 'toy.py'
    toy.write_text("_base_ = 'config.py'\nmodel = dict(decode_head=dict(type='ToyMapHead'))\n")
    return toy, config, weights


@pytest.fixture
def draw(tools, run, tmp_path):
    """Draws; gives the pictures by name."""

    def draw(kind, *arguments, toy=True):
        config = run[0] if toy else run[1]
        options = ('--what', kind, '--out-dir', tmp_path / kind, '--device', 'cpu', *arguments)
        tools.load(TOOL, config, run[2], *options).main()
        files = sorted((tmp_path / kind).glob('*.png'))
        return {file.stem: np.asarray(Image.open(file)) for file in files}

    return draw


def test_every_kind(draw):
    """The pictures differ by their numbers of rows alone."""
    assert ROWS.keys() == MAP_READERS.keys()
    pictures = {kind: draw(kind, '--clip', 'ms3_test_00001') for kind in ROWS}
    for kind, found in pictures.items():
        assert list(found) == ['00001_ms3_test_00001']
        added = len(found['00001_ms3_test_00001']) - len(*pictures['uncertainty'].values())
        assert added == (ROWS[kind] - 1) * ROW


def test_first_clips(draw):
    assert len(draw('relevance', '--num-clips', 2)) == 2


def test_a_model_without_such_maps(draw, tmp_path):
    message = f'^{TOOL}: The head gives no "uncertainty" in its aux'
    with pytest.raises(SystemExit, match=message):
        draw('uncertainty', toy=False)
    assert not (tmp_path / 'uncertainty').exists()


def test_an_unknown_kind(draw, capsys):
    with pytest.raises(SystemExit, match='2'):
        draw('depth')
    assert "invalid choice: 'depth'" in capsys.readouterr().err

# Copyright (c) mmavs developers. All rights reserved.
"""tools/analysis_tools/visualization_cam.py on tiny models with random weights."""

import numpy as np
import pytest
from PIL import Image
from tiny_run import make_run

from mmavs.visualization import AVSCamVisualizer
from mmavs.visualization.drawing import overlay_heat

TOOL = 'tools/analysis_tools/visualization_cam.py'


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('tiny'), num_clips=2, size=32)


def test_a_picture_a_clip(tools, tiny_run, tmp_path):
    options = ('--out-dir', tmp_path, '--device', 'cpu', '--num-clips', 1)
    tools.load(TOOL, *tiny_run, *options).main()
    (file,) = tmp_path.glob('*.png')
    assert file.name == '00000_ms3_test_00000.png'
    first = np.asarray(Image.open(file))
    # another layer, another picture of the same size
    layers = ('--layer', 'backbone.layer2', '--audio-layer', 'audio_encoder.features.0')
    tools.load(TOOL, *tiny_run, *options, *layers).main()
    second = np.asarray(Image.open(file))
    assert first.shape == second.shape and (first != second).any()


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (('--class', 'dog'), 'no class "dog"'),
        (('--class', '5'), 'no class 5'),
        (('--layer', 'neck'), 'no layer "neck"; in it are .*backbone'),
        (('--clip', 'x'), 'no clip x'),
    ],
)
def test_errors(tools, tiny_run, tmp_path, option, message):
    with pytest.raises(SystemExit, match=f'^{TOOL}: .*{message}'):
        tools.load(TOOL, *tiny_run, '--out-dir', tmp_path, *option).main()


def test_heat_is_where_the_map_is():
    image = np.full((8, 8, 3), 100, dtype=np.uint8)
    levels = np.zeros((8, 8))
    levels[2, 5] = 1
    heat = overlay_heat(image, levels)
    assert (heat[levels == 0] == 100).all()
    red, green, blue = heat[2, 5].astype(int)
    assert red > 100 and red > green > blue - 30


def test_one_map_a_frame():
    maps = np.zeros((2, 3, 3))
    with pytest.raises(ValueError, match='clip: there are 3 frames, but 2 maps of frames'):
        AVSCamVisualizer(name='counts').draw_cams(
            'clip',
            np.zeros((3, 8, 8, 3), np.uint8),
            maps,
            maps,
            np.zeros((3, 1, 96, 64)),
            ['a'] * 3,
        )

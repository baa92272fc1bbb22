# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch

from mmavs.visualization import AVSMapVisualizer, MapRow
from mmavs.visualization.drawing import overlay_levels

SIZE = (60, 60)
ROW = 186  # pixels of a row of pictures and the gap under it


def draw(rows, frames=2):
    images = np.full((frames, *SIZE, 3), 100, np.uint8)
    return AVSMapVisualizer(name='maps').draw_maps('clip', images, rows, 'Maps')


def cells(picture, row=-1):
    """The two pictures of a row, counted from below."""
    end = len(picture) - 6 - 6 + (row + 1) * ROW
    band = picture[end - 180 : end]
    return [band[:, left : left + 180].astype(int) for left in (108, 108 + ROW)]


def halves(low, high, dtype=torch.float32):
    values = torch.full((2, *SIZE), low, dtype=dtype)
    values[:, :, 30:] = high
    return values


def test_levels_are_dark_to_bright():
    picture = draw([MapRow('a', halves(0.0, 4.0))])
    for cell in cells(picture):
        dark, bright = cell[:, :80].mean((0, 1)), cell[:, 100:].mean((0, 1))
        # The ends of magma, and a third of the grey frame.
        assert abs(dark - (0.7 * np.array([0, 0, 4]) + 30)).max() <= 2
        assert abs(bright - (0.7 * np.array([252, 253, 191]) + 30)).max() <= 2


def test_limits():
    """Within fixed limits a row is darker; without limits its own extremes are the ends."""
    narrow, wide = MapRow('a', halves(0.0, 0.5)), MapRow('a', halves(0.0, 0.5), (0.0, 1.0))
    own, fixed = (cells(draw([row]))[0][:, 100:].mean() for row in (narrow, wide))
    assert own - fixed > 50
    flat = draw([MapRow('a', torch.full((2, *SIZE), 0.3))])
    assert cells(flat)[0].std() < 30


def test_groups_have_colours_of_their_own():
    groups = halves(0, 2, torch.int64)
    picture = draw([MapRow('a', groups)])
    first, second = cells(picture)
    assert np.array_equal(first, second)
    colours = [first[5, 10], first[5, 170]]
    assert np.abs(colours[0] - colours[1]).sum() > 60
    assert np.ptp(first[2:6, 4:60], axis=(0, 1)).max() == 0


def test_rows():
    row = MapRow('a', halves(0.0, 1.0))
    one, two = draw([row]), draw([row, row])
    assert len(two) - len(one) == ROW and two.dtype == np.uint8
    with pytest.raises(ValueError, match='clip: there are 3 frames, but the maps "a" are of 2'):
        draw([row], frames=3)


def test_overlay_leaves_the_frame_alone():
    image = np.full((4, 4, 3), 100, np.uint8)
    painted = overlay_levels(image, np.zeros((4, 4), np.float32))
    assert (image == 100).all() and painted.dtype == np.uint8
    assert (painted == [30, 30, 33]).all()

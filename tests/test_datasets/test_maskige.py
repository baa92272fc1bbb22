# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
from PIL import Image

from mmavs.datasets.maskige import index_map, maskige_palette, save_maskige
from mmavs.utils.maskige_names import maskige_file


def paint_slowly(masks):
    """The published recipe, pixel by pixel: smallest first, where the map is still 0."""
    order = sorted(range(len(masks)), key=lambda k: masks[k].sum())
    painted = np.zeros(masks.shape[1:], int)
    for rank, k in enumerate(order, start=1):
        for place in zip(*np.nonzero(masks[k])):
            if painted[place] == 0:
                painted[place] = rank
    return painted


@pytest.mark.parametrize('number', [0, 1, 2, 7, 40])
def test_map_against_the_recipe(number):
    rng = np.random.default_rng(number)
    masks = rng.random((number, 9, 11)) < rng.random((number, 1, 1))
    index = index_map(masks)
    assert index.dtype == np.uint8 and np.array_equal(index, paint_slowly(masks))


def test_equal_areas_keep_their_order():
    masks = np.zeros((3, 2, 3), bool)
    masks[0, :, 1:] = True
    masks[1, 0, :2] = True
    masks[2, 1, 1:] = True
    assert index_map(masks).tolist() == [[1, 1, 3], [0, 2, 2]]


def test_an_empty_mask_still_has_a_rank():
    """As the official script stores a frame without any mask: one that is empty."""
    assert not index_map(np.zeros((1, 4, 5), bool)).any()
    masks = np.zeros((2, 1, 2), bool)
    masks[0, 0, 0] = True
    assert index_map(masks).tolist() == [[2, 0]]


def test_ranks_do_not_wrap_around():
    masks = np.tril(np.ones((300, 300), bool))[:, None]
    index = index_map(masks)[0]
    assert index[:2].tolist() == [1, 2] and index[255:].tolist() == [255] * 45


@pytest.mark.parametrize('wrong', [np.zeros((3, 4), bool), np.zeros((1, 3, 4), np.uint8)])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match=r'expected bool \(K, h, w\)'):
        index_map(wrong)


def test_saved_map_as_indices_and_as_picture(tmp_path):
    index = np.array([[0, 1, 2], [149, 150, 255]], np.uint8)
    path = tmp_path / 'new' / '0_mask_color.png'
    save_maskige(path, index)
    with Image.open(path) as picture:
        assert picture.mode == 'P' and np.array_equal(np.array(picture), index)
        colours = np.array(picture.convert('RGB'))
    # ADE20K: wall, building, sky, ... flag.
    expected = [[120, 120, 120], [180, 120, 120], [6, 230, 230]], [[92, 0, 255], [0] * 3, [0] * 3]
    assert colours.tolist() == list(expected)
    assert len(maskige_palette()) == 768
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(ValueError, match='expected uint8'):
        save_maskige(path, index.astype(int))


def test_name():
    assert maskige_file('v/x.mp4_1.png').as_posix() == 'v/x.mp4_1_mask_color.png'
    assert maskige_file('frames/0.jpg').as_posix() == 'frames/0_mask_color.png'

# Copyright (c) mmavs developers. All rights reserved.
"""The crop keeps what sounds in every frame, or is not made."""

import numpy as np
import pytest
import torch

from mmavs.datasets.transforms import RandomObjectCrop
from mmavs.datasets.transforms.object_crop import kept_share, object_box

HEIGHT, WIDTH = 30, 40


def clip(*boxes):
    """Frames whose pixels say where they are, with an object in each box (None: no object)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.uint8)
    img = np.stack([rows, columns, rows], -1)
    masks = []
    for box in boxes:
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[0, 0] = 255  # no label, no object
        if box is not None:
            top, left, height, width = box
            mask[top, left] = 1  # two corners of two classes span the box
            mask[top + height - 1, left + width - 1] = 2
        masks.append(mask)
    return dict(imgs=[img.copy() for _ in boxes], gt_seg_maps=masks, img_shape=(HEIGHT, WIDTH))


def with_crop(crop, **settings):
    transform = RandomObjectCrop(**settings)
    transform.draw = lambda height, width: crop
    return transform


@pytest.mark.parametrize('seed', range(5))
def test_box_and_share_by_counting_pixels(seed):
    rng = np.random.default_rng(seed)
    mask = rng.choice([0, 0, 0, 0, 0, 0, 0, 1, 3, 255], (9, 11)).astype(np.uint8)
    mask[:2] = 0
    places = np.argwhere((mask > 0) & (mask < 255))
    top, left, height, width = object_box(mask)
    assert (top, left) == tuple(places.min(0))
    assert (top + height - 1, left + width - 1) == tuple(places.max(0))
    crop = (1, 3, int(rng.integers(1, 8)), int(rng.integers(1, 8)))
    inside = sum(
        1 <= y < 1 + crop[2] and 3 <= x < 3 + crop[3]
        for y in range(top, top + height)
        for x in range(left, left + width)
    )
    assert kept_share((top, left, height, width), crop) == pytest.approx(inside / (height * width))
    assert object_box(np.full((3, 3), 255, np.uint8)) is None


@pytest.mark.parametrize(
    ('boxes', 'cut'),
    [
        ([(10, 10, 10, 10)], True),  # inside
        ([None, None], True),  # nothing to lose
        ([(10, 10, 10, 10), None], True),
        ([(6, 10, 10, 10)], True),  # six of ten rows: just enough
        ([(5, 10, 10, 10)], False),  # five of ten
        ([(10, 10, 10, 10), (0, 0, 5, 5)], False),  # the second frame would lose all
    ],
)
def test_cut_only_if_every_frame_keeps_its_objects(boxes, cut):
    results = with_crop((10, 8, 15, 20))(clip(*boxes))
    assert len(results['imgs']) == len(boxes)
    for img, mask, whole in zip(
        results['imgs'], results['gt_seg_maps'], clip(*boxes)['gt_seg_maps']
    ):
        assert img.shape[:2] == mask.shape == results['img_shape']
        if not cut:
            assert mask.shape == (HEIGHT, WIDTH) and np.array_equal(mask, whole)
            continue
        assert img[0, 0].tolist() == [10, 8, 10] and img[-1, -1].tolist() == [24, 27, 24]
        assert np.array_equal(mask, whole[10:25, 8:28])


def test_min_kept_zero_always_cuts():
    crop = (0, 0, 4, 4)
    assert with_crop(crop, min_kept=0)(clip((20, 20, 5, 5)))['img_shape'] == (4, 4)


def test_draws_are_within_the_ranges_and_follow_the_seed():
    transform = RandomObjectCrop()
    torch.manual_seed(0)
    draws = [transform.draw(300, 400) for _ in range(200)]
    for top, left, height, width in draws:
        assert 0 <= top <= 300 - height and 0 <= left <= 400 - width
        assert 0.49 < height * width / (300 * 400) <= 1  # sides are rounded
        assert 0.74 < width / height < 1.35
    assert len(set(draws)) > 190
    torch.manual_seed(0)
    assert [transform.draw(300, 400) for _ in range(200)] == draws


def test_maskiges_are_cut_too():
    results = clip(None)
    results['maskiges'] = [results['imgs'][0].copy()]
    results = with_crop((2, 3, 5, 7))(results)
    assert np.array_equal(results['maskiges'][0], results['imgs'][0])
    assert results['maskiges'][0].shape == (5, 7, 3)


def test_errors():
    with pytest.raises(ValueError, match='put LoadClipMasks before RandomObjectCrop'):
        RandomObjectCrop()(dict(imgs=[]))
    odd = clip(None)
    odd['gt_seg_maps'] = [np.zeros((5, 5), np.uint8)]
    with pytest.raises(ValueError, match=r'sizes \[\(5, 5\), \(30, 40\)\]'):
        RandomObjectCrop()(odd)
    for settings in (
        dict(scale=(0.5, 1.5)),
        dict(scale=(0, 1)),
        dict(ratio=(2, 1)),
        dict(min_kept=2),
    ):
        with pytest.raises(ValueError, match='of RandomObjectCrop is'):
            RandomObjectCrop(**settings)

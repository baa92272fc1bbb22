# Copyright (c) mmavs developers. All rights reserved.
"""The two geometries of AVSS: the official loader's, by its pixels, and VCT's, by its rules."""

import math

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmavs.datasets.transforms import ClipBroadcaster, ResizeShortSide, SquareClip
from mmavs.registry import TRANSFORMS
from mmavs.testing.goldens import fill_inputs, load_golden

SIZES = dict(landscape=(320, 180), portrait=(181, 321), square=(256, 256), odd=(301, 227))


def base_pipeline(root, name, split):
    """The transforms of a base config between loading and packing."""
    cfg = Config.fromfile(root / f'configs/_base_/datasets/{name}.py')
    steps = cfg[f'{split}_dataloader'].dataset.pipeline
    chosen = ('ClipBroadcaster', 'SquareClip')
    return [TRANSFORMS.build(step.to_dict()) for step in steps if step.type in chosen]


def run(steps, **results):
    for step in steps:
        results = step(results)
    return results


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('name', SIZES)
def test_pixels_of_the_official_avss_loader(root, name, split):
    golden = load_golden('loader_avsbench')[0]
    width, height = SIZES[name]
    img = fill_inputs(f'loader_img_{name}', (height, width, 3), 0, 256).numpy().astype(np.uint8)
    cells = (math.ceil(height / 20), math.ceil(width / 20))
    labels = fill_inputs(f'loader_lab_{name}', cells, 0, 71).numpy().astype(np.uint8)
    labels = np.ascontiguousarray(labels.repeat(20, 0).repeat(20, 1)[:height, :width])
    steps = base_pipeline(root, 'avss_224x224', split)
    results = run(steps, imgs=[img], gt_seg_maps=[labels])
    assert np.array_equal(results['imgs'][0][::8], golden[f'{name}_{split}_img_rows'])
    assert np.array_equal(results['gt_seg_maps'][0], golden[f'{name}_{split}_lab'])
    assert results['img_shape'] == (224, 224)


@pytest.mark.parametrize('width, height', [(20, 13), (13, 20), (7, 7), (101, 33), (33, 100)])
def test_long_side_is_rounded_down(width, height):
    results = ResizeShortSide(8)(dict(img=np.zeros((height, width, 3), np.uint8)))
    new_height, new_width = results['img'].shape[:2]
    short, long = sorted((width, height))
    assert min(new_width, new_height) == 8 and max(new_width, new_height) == int(long * 8 / short)
    assert (new_width > new_height) == (width > height)
    assert results['img_shape'] == (new_height, new_width)
    with pytest.raises(ValueError, match='length must be at least 1, got 0'):
        ResizeShortSide(0)


def test_square_is_bilinear_for_frames_and_nearest_for_the_others():
    rng = np.random.default_rng(0)
    img, maskige = (rng.integers(0, 256, (13, 20, 3), np.uint8) for _ in range(2))
    mask = img[..., 0].copy()
    results = SquareClip()(
        dict(imgs=[img], gt_seg_maps=[mask], maskiges=[maskige], img_shape=(13, 20))
    )
    for key, picture, mode in (
        ('imgs', img, Image.Resampling.BILINEAR),
        ('gt_seg_maps', mask, Image.Resampling.NEAREST),
        ('maskiges', maskige, Image.Resampling.NEAREST),
    ):
        expected = np.asarray(Image.fromarray(picture).resize((13, 13), mode))
        assert np.array_equal(results[key][0], expected)
    assert results['img_shape'] == (13, 13)
    with pytest.raises(ValueError, match='put LoadClipFrames before SquareClip'):
        SquareClip()({})


def wave(height, width):
    """A smooth picture: resized, its red is about the place along x, its green along y."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(10, 240, width)
    picture[..., 1] = np.linspace(10, 240, height)[:, None]
    return picture


SHORT_SIDES = [int(0.1 * x * 384) for x in range(5, 21)]


def test_scales_of_vct(root):
    for name in ('avss', 'avsbench_s4', 'avsbench_ms3'):
        cfg = Config.fromfile(root / f'configs/_base_/datasets/{name}_384x384.py')
        resizing = [step for step in cfg.train_pipeline if step.type == 'ClipBroadcaster'][0]
        assert resizing.transforms[0].scales == [(896, side) for side in SHORT_SIDES]


@pytest.mark.parametrize('name', ['avss', 'avsbench_s4', 'avsbench_ms3'])
def test_geometry_of_vct(root, name):
    """Frames, masks and Maskiges share it; what is missing is 128 and 255, right and below."""
    np.random.seed(0)
    steps = base_pipeline(root, f'{name}_384x384', 'train')
    jitter = [step for step in steps if getattr(step, 'share_random_params', None) is False]
    assert len(jitter) == 1
    steps.remove(jitter[0])
    size = (300, 400) if name == 'avss' else (384, 384)
    img = wave(*size)
    unpadded, flips = set(), set()
    for _ in range(12):
        imgs, masks = [img] * 2, [img[..., 0].copy()] * 2
        results = run(steps, imgs=imgs, gt_seg_maps=masks, maskiges=imgs)
        first, label = results['imgs'][0], results['gt_seg_maps'][0]
        assert first.shape == (384, 384, 3) and label.shape == (384, 384)
        assert np.array_equal(results['imgs'][1], first)
        assert np.array_equal(results['gt_seg_maps'][1], label)
        flips.add(results['flip'])
        inside = label != 255
        rows, columns = inside.any(1).sum(), inside.any(0).sum()
        assert (first[~inside] == 128).all() and inside.sum() == rows * columns
        assert inside[:rows, :columns].all()
        # The mask was the red of the frame: they still agree, and so does the Maskige.
        assert np.abs(label.astype(int) - first[..., 0])[inside].max() <= 4
        difference = np.abs(results['maskiges'][0].astype(int) - first)
        assert difference.max() <= 4 and not difference[~inside].any()
        unpadded.add((rows, columns))
    sides = [min(side, 384) for side in SHORT_SIDES]
    assert all(rows == columns and rows in sides for rows, columns in unpadded)
    assert len(unpadded) > 1 and flips == {True, False}


def test_jitter_of_vct_is_for_each_picture(root):
    np.random.seed(0)
    (jitter,) = (
        step
        for step in base_pipeline(root, 'avss_384x384', 'train')
        if isinstance(step, ClipBroadcaster) and not step.share_random_params
    )
    img = wave(6, 6)
    results = jitter(dict(imgs=[img.copy()] * 3, maskiges=[img.copy()] * 3))
    assert len({picture.tobytes() for picture in results['imgs'] + results['maskiges']}) == 6


@pytest.mark.parametrize('name', ['avss', 'avsbench_s4', 'avsbench_ms3'])
def test_no_geometry_in_the_tests_of_vct(root, name):
    for split in ('val', 'test'):
        assert base_pipeline(root, f'{name}_384x384', split) == []

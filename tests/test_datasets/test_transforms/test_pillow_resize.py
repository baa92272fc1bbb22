# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
from mmcv.transforms import Resize

from mmavs.datasets.transforms import ClipBroadcaster
from mmavs.datasets.transforms.pillow_resize import PillowResize
from mmavs.testing.goldens import fill_inputs, load_golden


def clip(height, width, frames=2):
    rng = np.random.default_rng(height)
    return dict(
        imgs=[rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(frames)],
        gt_seg_maps=[rng.integers(0, 2, (height, width), np.uint8) for _ in range(frames)],
    )


@pytest.mark.parametrize('options', [{}, dict(keep_ratio=True), dict(interpolation='bicubic')])
@pytest.mark.parametrize('scale', [(64, 64), (32, 24), (40, 48), 20])
@pytest.mark.parametrize('shape', [(24, 32), (64, 64), (50, 30)])
def test_results_of_mmcv(shape, scale, options):
    results, expected = clip(*shape), clip(*shape)
    ClipBroadcaster([PillowResize(scale=scale, **options)])(results)
    ClipBroadcaster([Resize(scale=scale, backend='pillow', **options)])(expected)
    assert results.keys() == expected.keys()
    for key, value in expected.items():
        if key in ('imgs', 'gt_seg_maps'):
            assert all(np.array_equal(*pair) for pair in zip(results[key], value, strict=True)), key
        else:
            assert results[key] == value, key


def test_the_official_pixels():
    golden = load_golden('loader_avsbench')[0]
    img = fill_inputs('loader_obj_img', (224, 224, 3), 0, 256).numpy().astype(np.uint8)
    results = dict(imgs=[img], gt_seg_maps=[golden['obj_mask']])
    ClipBroadcaster([dict(type=PillowResize, scale=(512, 512))])(results)
    assert np.array_equal(results['imgs'][0][::32], golden['obj_img512_rows'])
    assert np.array_equal(results['gt_seg_maps'][0], golden['obj_mask512'])


def test_the_backend_is_no_choice():
    with pytest.raises(TypeError, match='backend'):
        PillowResize(scale=(8, 8), backend='cv2')

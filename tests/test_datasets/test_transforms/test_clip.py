# Copyright (c) mmavs developers. All rights reserved.
"""Geometry and colour of clips, against the official loaders' pixels and mmseg."""

import math

import numpy as np
import pytest
from PIL import Image

from mmavs.datasets.transforms import ClipBroadcaster, ClipPhotoMetricDistortion
from mmavs.testing.goldens import fill_inputs, load_golden

SIZES = dict(landscape=(320, 180), portrait=(181, 321), square=(256, 256), odd=(301, 227))


@pytest.fixture(scope='module')
def golden():
    return load_golden('loader_avsbench')[0]


def resize(img, mask, size):
    step = dict(type='Resize', scale=(size, size), backend='pillow')
    results = dict(imgs=[img], gt_seg_maps=[mask])
    return ClipBroadcaster(transforms=[step])(results)


def noise_frames(number, size=(12, 10)):
    rng = np.random.default_rng(number)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(number)]


def test_resize_of_the_object_set_is_the_official_one(golden):
    img = fill_inputs('loader_obj_img', (224, 224, 3), 0, 256).numpy().astype(np.uint8)
    results = resize(img, golden['obj_mask'], 512)
    assert np.array_equal(results['imgs'][0][::32], golden['obj_img512_rows'])
    assert np.array_equal(results['gt_seg_maps'][0], golden['obj_mask512'])
    assert results['img_shape'] == (512, 512)
    normalised = (results['imgs'][0] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    rows = normalised.transpose(2, 0, 1)[:, ::128]
    assert np.abs(rows - golden['obj_tensor512_rows']).max() < 1e-6


@pytest.mark.parametrize('name', SIZES)
def test_shrinking_is_the_official_one(golden, name):
    width, height = SIZES[name]
    img = fill_inputs(f'loader_img_{name}', (height, width, 3), 0, 256).numpy().astype(np.uint8)
    cells = (math.ceil(height / 20), math.ceil(width / 20))
    labels = fill_inputs(f'loader_lab_{name}', cells, 0, 71).numpy().astype(np.uint8)
    labels = labels.repeat(20, 0).repeat(20, 1)[:height, :width]
    results = resize(img, np.ascontiguousarray(labels), 224)
    assert np.array_equal(results['imgs'][0][::8], golden[f'{name}_test_img_rows'])
    assert np.array_equal(results['gt_seg_maps'][0], golden[f'{name}_test_lab'])


def test_cv2_would_not_do(golden):
    """The reason for backend='pillow' in the configs."""
    width, height = SIZES['landscape']
    img = fill_inputs('loader_img_landscape', (height, width, 3), 0, 256).numpy().astype(np.uint8)
    step = dict(type='Resize', scale=(224, 224))
    resized = ClipBroadcaster(transforms=[step])(dict(imgs=[img]))['imgs'][0]
    difference = resized[::8].astype(int) - golden['landscape_test_img_rows']
    assert np.abs(difference).max() > 20


def test_ignored_planes_stay_ignored():
    img = np.zeros((10, 12, 3), np.uint8)
    results = resize(img, np.full((10, 12), 255, np.uint8), 32)
    assert (results['gt_seg_maps'][0] == 255).all()


def test_one_flip_for_the_whole_clip():
    np.random.seed(0)
    flip = ClipBroadcaster(transforms=[dict(type='RandomFlip', prob=0.5)])
    seen = set()
    for _ in range(20):
        imgs = noise_frames(5)
        masks = [img[..., 0].copy() for img in imgs]
        results = flip(dict(imgs=imgs, gt_seg_maps=masks, clip_id='a'))
        expected = [img[:, ::-1] if results['flip'] else img for img in imgs]
        assert all(map(np.array_equal, results['imgs'], expected))
        assert all(map(np.array_equal, results['gt_seg_maps'], [img[..., 0] for img in expected]))
        seen.add(results['flip'])
        assert results['clip_id'] == 'a'
    assert seen == {True, False}


def test_switch_draws_for_every_frame():
    np.random.seed(0)
    flip = ClipBroadcaster(
        transforms=[dict(type='RandomFlip', prob=0.5)], share_random_params=False
    )
    imgs = noise_frames(16)
    results = flip(dict(imgs=imgs))
    assert set(results['flip']) == {True, False} and len(results['flip']) == 16
    expected = [img[:, ::-1] if flipped else img for img, flipped in zip(imgs, results['flip'])]
    assert all(map(np.array_equal, results['imgs'], expected))


def test_works_without_masks_and_says_when_there_are_no_frames():
    step = dict(type='Resize', scale=(6, 4), backend='pillow')
    results = ClipBroadcaster(transforms=[step])(dict(imgs=noise_frames(2)))
    assert results['img_shape'] == (4, 6) and 'gt_seg_maps' not in results
    with pytest.raises(ValueError, match='put LoadClipFrames before ClipBroadcaster'):
        ClipBroadcaster(transforms=[step])({})
    with pytest.raises(ValueError, match='should not return None'):
        ClipBroadcaster(transforms=[lambda results: None])(dict(imgs=noise_frames(2)))


def test_jitter_is_the_one_of_mmseg_in_rgb():
    """The same draws give what mmseg gives on the BGR picture."""
    from mmseg.datasets.transforms import PhotoMetricDistortion

    img = noise_frames(1, size=(40, 30))[0]
    changed = 0
    for seed in range(40):
        np.random.seed(seed)
        bgr = np.ascontiguousarray(img[..., ::-1])
        theirs = PhotoMetricDistortion().transform(dict(img=bgr))['img'][..., ::-1]
        np.random.seed(seed)
        ours = ClipPhotoMetricDistortion().transform(dict(img=img.copy()))['img']
        assert np.array_equal(ours, theirs)
        changed += not np.array_equal(ours, img)
    assert changed > 20


@pytest.mark.parametrize('shared', [True, False])
def test_jitter_is_shared_by_the_frames(shared):
    np.random.seed(1)
    jitter = ClipBroadcaster(
        transforms=[dict(type='ClipPhotoMetricDistortion')], share_random_params=shared
    )
    img = noise_frames(1)[0]
    mask = img[..., 0].copy()
    for _ in range(5):
        results = jitter(dict(imgs=[img.copy() for _ in range(6)], gt_seg_maps=[mask] * 6))
        same = [np.array_equal(frame, results['imgs'][0]) for frame in results['imgs']]
        assert all(same) == shared
        assert np.array_equal(results['gt_seg_maps'][5], mask)


def test_jitter_changes_the_named_property():
    grey = np.full((2, 2, 3), 100, np.uint8)
    transform = ClipPhotoMetricDistortion()
    transform.draw = lambda: [('brightness', 20.0), ('contrast', 2.0), ('saturation', 1.5)]
    assert (transform.transform(dict(img=grey))['img'] == 240).all()  # (100 + 20) * 2, no colour
    red = np.full((2, 2, 3), (200, 0, 0), np.uint8)
    transform.draw = lambda: [('hue', 60)]  # of 180: red becomes green, in RGB
    assert transform.transform(dict(img=red))['img'][0, 0].tolist() == [0, 200, 0]


def test_resize_equals_pillow_on_a_clip():
    imgs = noise_frames(3, size=(37, 53))
    step = dict(type='Resize', scale=(20, 30), backend='pillow')
    resized = ClipBroadcaster(transforms=[step])(dict(imgs=imgs))['imgs']
    for img, ours in zip(imgs, resized):
        theirs = Image.fromarray(img).resize((20, 30), Image.Resampling.BILINEAR)
        assert np.array_equal(ours, np.asarray(theirs))


@pytest.mark.parametrize('shared', [True, False])
def test_maskiges_have_the_draws_of_the_clip_or_their_own(shared):
    np.random.seed(0)
    flip = ClipBroadcaster(
        transforms=[dict(type='RandomFlip', prob=0.5)], share_random_params=shared
    )
    same = set()
    for _ in range(20):
        imgs = noise_frames(3)
        results = flip(dict(imgs=imgs, maskiges=[img.copy() for img in imgs]))
        same.add(all(map(np.array_equal, results['imgs'], results['maskiges'])))
        assert len(results['maskiges']) == 3
    assert same == ({True} if shared else {True, False})


def test_jitter_of_maskiges_is_their_own():
    np.random.seed(0)
    jitter = ClipBroadcaster(
        transforms=[dict(type='ClipPhotoMetricDistortion')], share_random_params=False
    )
    img = noise_frames(1)[0]
    results = jitter(dict(imgs=[img.copy()] * 3, maskiges=[img.copy()] * 3))
    pictures = results['imgs'] + results['maskiges']
    assert len({picture.tobytes() for picture in pictures}) == 6


def test_draws_of_frames_do_not_depend_on_maskiges():
    step = dict(type='ClipPhotoMetricDistortion')
    imgs = noise_frames(4)
    found = []
    for more in (dict(), dict(maskiges=noise_frames(4))):
        np.random.seed(3)
        jitter = ClipBroadcaster(transforms=[step], share_random_params=False)
        found.append(jitter(dict(imgs=[img.copy() for img in imgs], **more))['imgs'])
    assert all(map(np.array_equal, *found))


def test_maskiges_have_no_masks_and_give_no_keys():
    def mark(results):
        assert ('gt_seg_map' in results) == (results['img'].max() < 100)
        return {**results, 'seen': int(results['img'].max())}

    imgs = [np.full((2, 2, 3), 7, np.uint8)] * 2
    maskiges = [np.full((2, 2, 3), 200, np.uint8)] * 2
    masks = [np.zeros((2, 2), np.uint8)] * 2
    results = ClipBroadcaster(transforms=[mark])(
        dict(imgs=imgs, maskiges=maskiges, gt_seg_maps=masks)
    )
    assert results['seen'] == 7
    assert sorted(results) == ['gt_seg_maps', 'imgs', 'maskiges', 'seen']


def test_crop_of_mmseg_crops_masks_and_maskiges_alike():
    np.random.seed(0)
    crop = ClipBroadcaster(transforms=[dict(type='mmseg.RandomCrop', crop_size=(5, 4))])
    imgs = noise_frames(3)
    given = dict(
        imgs=imgs, gt_seg_maps=[img[..., 0] for img in imgs], maskiges=[255 - img for img in imgs]
    )
    corners = set()
    for _ in range(10):
        results = crop(dict(given))
        for img, mask, maskige in zip(*(results[key] for key in given)):
            assert img.shape == (5, 4, 3)
            assert np.array_equal(mask, img[..., 0]) and np.array_equal(maskige, 255 - img)
        corners.add(results['imgs'][0].tobytes())
    assert len(corners) > 5

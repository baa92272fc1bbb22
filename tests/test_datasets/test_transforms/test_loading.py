# Copyright (c) mmavs developers. All rights reserved.
import re

import numpy as np
import pytest
from PIL import Image

from mmavs.datasets.transforms import LoadClipFrames, LoadClipMasks


def clip(tmp_path, make, masks=(1, None), size=(20, 24)):
    img_paths, mask_paths = [], []
    for number, columns in enumerate(masks):
        img_paths.append(str(tmp_path / f'img_{number}.png'))
        make.picture(tmp_path / f'img_{number}.png', make.frame(0, number))
        mask_paths.append(None)
        if columns is not None:
            mask = np.zeros(size, np.uint8)
            mask[:, :columns] = 255
            mask_paths[-1] = str(tmp_path / f'mask_{number}.png')
            make.picture(tmp_path / f'mask_{number}.png', mask)
    return dict(img_paths=img_paths, mask_paths=mask_paths)


def test_frames_are_rgb(tmp_path, make):
    results = LoadClipFrames()(clip(tmp_path, make))
    assert len(results['imgs']) == 2
    for number, img in enumerate(results['imgs']):
        assert img.dtype == np.uint8 and np.array_equal(img, make.frame(0, number))
    assert results['ori_shape'] == results['img_shape'] == (20, 24)


def test_grey_and_transparent_frames_become_rgb(tmp_path, make):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    make.picture(tmp_path / 'grey.png', grey)
    make.picture(tmp_path / 'alpha.png', np.stack([grey, grey + 1, grey + 2, grey], -1))
    paths = [str(tmp_path / 'grey.png'), str(tmp_path / 'alpha.png')]
    first, second = LoadClipFrames()(dict(img_paths=paths))['imgs']
    assert np.array_equal(first, np.stack([grey] * 3, -1))
    assert np.array_equal(second, np.stack([grey, grey + 1, grey + 2], -1))


def test_missing_frame(tmp_path, make):
    results = clip(tmp_path, make)
    (tmp_path / 'img_1.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'There is no picture .*img_1\.png'):
        LoadClipFrames()(results)


@pytest.mark.parametrize(
    'suffix, damage',
    [(suffix, damage) for suffix in ('png', 'jpg') for damage in ('cut', 'text', 'empty')]
    + [('png', 'checksum')],
)
def test_corrupt_picture_is_named(tmp_path, suffix, damage):
    path = tmp_path / f'broken.{suffix}'
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    broken = {
        'cut': content[: len(content) // 2],
        'text': b'<html>404 Not Found</html>',
        'empty': b'',
        'checksum': content[:20] + bytes([content[20] ^ 1]) + content[21:],
    }
    path.write_bytes(broken[damage])
    with pytest.raises(ValueError, match=rf'broken\.{suffix} is damaged or no picture'):
        LoadClipFrames()(dict(img_paths=[str(path)]))


def test_frames_of_two_sizes(tmp_path, make):
    results = clip(tmp_path, make)
    make.picture(tmp_path / 'img_1.png', np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match=r'img_0\.png is 24x20 .*img_1\.png is 6x4'):
        LoadClipFrames()(results)


def test_masks(tmp_path, make):
    results = LoadClipMasks()(LoadClipFrames()(clip(tmp_path, make, masks=(3, None, 0))))
    expected = np.zeros((20, 24), np.uint8)
    expected[:, :3] = 1
    assert np.array_equal(results['gt_seg_maps'][0], expected)
    assert (results['gt_seg_maps'][1] == 255).all() and (results['gt_seg_maps'][2] == 0).all()
    assert {mask.dtype for mask in results['gt_seg_maps']} == {np.dtype(np.uint8)}


def palette(picture, colours):
    image = Image.fromarray(picture, mode='L').convert('P')
    image.putdata((picture > 0).astype(np.uint8).reshape(-1).tolist())
    image.putpalette(colours)
    return image


@pytest.mark.parametrize(
    'encode',
    [
        lambda mask: Image.fromarray(mask),
        lambda mask: Image.fromarray(mask > 0),  # mode 1
        lambda mask: Image.fromarray(mask // 255),  # grey value 1
        lambda mask: Image.fromarray(np.stack([mask] * 3, -1)),
        lambda mask: palette(mask, [0, 0, 0, 128, 0, 0]),
        lambda mask: palette(mask, [0, 0, 0, 255, 255, 255]),
    ],
    ids=['L', '1', 'L-0-1', 'RGB', 'P-red', 'P-white'],
)
def test_every_encoding_of_a_binary_mask(tmp_path, make, encode):
    results = clip(tmp_path, make, masks=(1,))
    mask = np.zeros((20, 24), np.uint8)
    mask[5:9, 2:7] = 255
    encode(mask).save(results['mask_paths'][0])
    (loaded,) = LoadClipMasks()(LoadClipFrames()(results))['gt_seg_maps']
    assert np.array_equal(loaded, mask // 255)


def test_mask_of_another_size_names_both(tmp_path, make):
    results = LoadClipFrames()(clip(tmp_path, make, masks=(1,), size=(10, 12)))
    message = r'mask .*mask_0\.png is 12x10 .* its frame .*img_0\.png is 24x20'
    with pytest.raises(ValueError, match=message):
        LoadClipMasks()(results)


def test_masks_need_frames_and_files(tmp_path, make):
    results = clip(tmp_path, make)
    with pytest.raises(ValueError, match='put LoadClipFrames before it'):
        LoadClipMasks()(results)
    (tmp_path / 'mask_0.png').write_bytes(b'no picture')
    results = LoadClipFrames()(results)
    with pytest.raises(ValueError, match=r'mask_0\.png is damaged'):
        LoadClipMasks()(results)
    (tmp_path / 'mask_0.png').unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / 'mask_0.png'))):
        LoadClipMasks()(results)

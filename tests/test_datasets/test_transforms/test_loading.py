# Copyright (c) mmavs developers. All rights reserved.
import re

import numpy as np
import pytest
from PIL import Image

from mmavs.datasets.avss_classes import voc_palette
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


def labels_clip(tmp_path, make, labels, name='labels.png', **info):
    results = LoadClipFrames()(clip(tmp_path, make, masks=(1,)))
    path = tmp_path / name
    if isinstance(labels, Image.Image):
        labels.save(path)
    else:
        make.picture(path, labels)
    return {**results, 'mask_paths': [str(path)], **info}


def ids_picture(**values):
    """20x24 of zeros, with the value ``v`` at row ``r`` for each ``r<r>=v``."""
    ids = np.zeros((20, 24), np.uint8)
    for row, value in values.items():
        ids[int(row[1:]), 3:] = value
    return ids


def test_class_ids_stay_as_stored(tmp_path, make):
    ids = ids_picture(r0=70, r1=1, r2=255)
    for stored in (ids, palette_of(ids)):
        results = labels_clip(tmp_path, make, stored, num_classes=71)
        (loaded,) = LoadClipMasks()(results)['gt_seg_maps']
        assert loaded.dtype == np.uint8 and np.array_equal(loaded, ids)


def palette_of(ids):
    """The same as a palette picture, whose colours say nothing."""
    picture = Image.fromarray(ids)
    picture.putpalette([9, 9, 9] * 256)
    return picture


def test_label_map_and_its_holes(tmp_path, make):
    label_map = np.full(256, -1, np.int16)
    label_map[[0, 90, 3]] = 0, 1, 2
    results = labels_clip(
        tmp_path, make, ids_picture(r0=90, r1=3, r2=255), label_map=label_map, num_classes=3
    )
    (loaded,) = LoadClipMasks()(results)['gt_seg_maps']
    assert np.array_equal(loaded, ids_picture(r0=1, r1=2, r2=255))
    results = labels_clip(
        tmp_path, make, ids_picture(r5=91), label_map=label_map.tolist(), num_classes=3
    )
    message = r'labels\.png has the value 91, expected one that label_map turns into 0 to 2, or 255'
    with pytest.raises(ValueError, match=message):
        LoadClipMasks()(results)
    with pytest.raises(ValueError, match=r'label_map has the shape \(3,\), expected 256'):
        LoadClipMasks()({**results, 'label_map': [0, 1, 2]})


@pytest.mark.parametrize(
    'stored, info, message',
    [
        (ids_picture(r3=71), dict(num_classes=71), 'value 71, expected 0 to 70, or 255'),
        (ids_picture(r3=2), dict(label_source='semantic'), 'value 2, expected 0 to 1, or 255'),
        (
            np.zeros((20, 24, 3), np.uint8),
            dict(num_classes=71),
            r"uint8 \(20, 24, 3\), expected one channel .* label_source='rgb'",
        ),
        (np.zeros((20, 24), np.uint16), dict(num_classes=71), 'uint16|int32'),
    ],
)
def test_values_out_of_range(tmp_path, make, stored, info, message):
    results = labels_clip(tmp_path, make, stored, **info)
    with pytest.raises(ValueError, match=rf'labels\.png (is|has the) {message}'):
        LoadClipMasks()(results)


def test_colours(tmp_path, make):
    ids = ids_picture(r0=70, r1=4, r2=9)
    picture = np.array(voc_palette(71), np.uint8)[ids]
    results = labels_clip(tmp_path, make, picture, label_source='rgb', num_classes=71)
    assert np.array_equal(LoadClipMasks()(results)['gt_seg_maps'][0], ids)
    # Colours of more classes than the labels have, and a map that joins them.
    results = labels_clip(
        tmp_path,
        make,
        picture,
        label_source='rgb',
        num_colours=71,
        label_map=np.minimum(np.arange(256), 1),
    )
    assert np.array_equal(LoadClipMasks()(results)['gt_seg_maps'][0], ids > 0)


def test_masks_of_their_own_size(tmp_path, make):
    results = LoadClipFrames()(clip(tmp_path, make, masks=(None, 1, 2), size=(10, 12)))
    loaded = LoadClipMasks(same_size=False)(results)
    assert [mask.shape for mask in loaded['gt_seg_maps']] == [(10, 12)] * 3
    assert (loaded['gt_seg_maps'][0] == 255).all() and loaded['masks_fit'] is False
    results = LoadClipFrames()(clip(tmp_path, make, masks=(None, None)))
    loaded = LoadClipMasks(same_size=False)(results)
    assert [mask.shape for mask in loaded['gt_seg_maps']] == [(20, 24)] * 2
    assert LoadClipMasks()(results)['masks_fit'] is True

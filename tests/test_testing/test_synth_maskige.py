# Copyright (c) mmavs developers. All rights reserved.
"""Maskiges of synthetic frames, and the files that VCT and COMBO read."""

import numpy as np
import pytest
from PIL import Image

from mmavs.testing import SynthAVS
from mmavs.testing.synth_maskige import write_maskige

KNOBS = dict(image_size=(32, 40), seed=1)
SIZES = (24, 20)
ADE = [(120, 120, 120), (180, 120, 120), (6, 230, 230), (80, 50, 50), (4, 200, 3)]


def pixels(path):
    return np.asarray(Image.open(path))


def expected_index(owners):
    """By the definition: the smallest mask is 1, the next one 2, ..."""
    areas = {index: (owners == index).sum() for index in np.unique(owners) if index >= 0}
    index_map = np.zeros(owners.shape, int)
    for rank, index in enumerate(sorted(areas, key=areas.get), start=1):
        index_map[owners == index] = rank
    return index_map


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}


def test_maskige_ranks_all_that_is_seen_by_size(tmp_path):
    owners = np.full((8, 8), -1, np.int8)
    owners[:4, :4], owners[5:, 5:], owners[0, 7] = 2, 0, 3
    write_maskige(tmp_path / 'deep' / 'a_1.png', owners)
    with Image.open(tmp_path / 'deep' / 'a_1_mask_color.png') as image:
        assert image.mode == 'P'
        np.testing.assert_array_equal(np.asarray(image), expected_index(owners))
        np.testing.assert_array_equal(
            np.asarray(image.convert('RGB')), np.array(ADE)[expected_index(owners)]
        )
    write_maskige(tmp_path / 'b.jpg', np.full((4, 4), -1, np.int8))
    assert not pixels(tmp_path / 'b_mask_color.png').any()


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_maskiges_of_the_object_sets_lie_as_the_frames_do(subset, tmp_path):
    synth = SynthAVS(**KNOBS)
    getattr(synth, f'write_{subset}')(tmp_path / 'tree', {'train': 1, 'test': 1}, maskige=True)
    data = tmp_path / 'tree' / f'{subset}_data'
    frames = files_below(data / 'visual_frames')
    assert files_below(data / 'pre_SAM_mask') == {
        name.replace('.png', '_mask_color.png') for name in frames
    }
    path = next((data / 'pre_SAM_mask').rglob(f'{subset}_test_00000*_3_mask_color.png'))
    owners = synth.clip(subset, 'test', 0).frame(2)[1]
    np.testing.assert_array_equal(pixels(path), expected_index(owners))


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_vct_layout_of_the_object_sets(subset, tmp_path):
    synth, root = SynthAVS(**KNOBS), tmp_path / 'tree'
    write = getattr(synth, f'write_{subset}')
    write(root, {'train': 1, 'val': 1}, vct_layout=True, vct_sizes=SIZES)
    plain, data = root / f'{subset}_data', root / f'{subset}_data_384'
    frames = {
        name.replace('.mp4_', '_'): plain / 'visual_frames' / name
        for name in files_below(plain / 'visual_frames')
    }
    masks = {name: plain / 'gt_masks' / name for name in files_below(plain / 'gt_masks')}
    expected = {f'visual_frames_384/{name}' for name in frames}
    expected |= {f'pre_SAM_mask_384/{name[:-4]}_mask_color.png' for name in frames}
    for name in masks:
        size = 384 if name.startswith('train') else 224
        expected.add(f'gt_masks_{size}/{name}')
    assert files_below(data) == expected
    assert not (plain / 'pre_SAM_mask').exists()
    for name, path in frames.items():
        ours = pixels(data / 'visual_frames_384' / name)
        theirs = Image.open(path).resize((24, 24), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(ours, np.asarray(theirs))
        assert pixels(data / 'pre_SAM_mask_384' / f'{name[:-4]}_mask_color.png').shape == (24, 24)
    for name, path in masks.items():
        folder, side = ('gt_masks_384', 24) if name.startswith('train') else ('gt_masks_224', 20)
        theirs = Image.open(path).resize((side, side), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(pixels(data / folder / name), np.asarray(theirs))


def test_vct_layout_of_avss(tmp_path):
    synth, root = SynthAVS(**KNOBS), tmp_path / 'tree'
    splits = {'train': {'v1s': 1}, 'test': {'v1m': 1}}
    synth.write_avss(root, splits, vct_layout=True, vct_sizes=SIZES)
    below = root / 'pre_SAM_mask' / 'AVSBench_semantic'
    train, test = 'v1s/v1s-train-00000_0_5000', 'v1m/v1m-test-00000_0_5000'
    names = [f'{i}_mask_color.png' for i in range(5)]
    assert files_below(below) == {f'{train}/frames/{name}' for name in names} | {
        f'{test}/processed_frames_384/{name}' for name in names
    }
    assert files_below(root / test / 'processed_frames_384') == {f'{i}.jpg' for i in range(5)}
    assert not (root / train / 'processed_frames_384').exists()
    for i in range(5):
        assert pixels(root / test / 'processed_frames_384' / f'{i}.jpg').shape == (24, 24, 3)
        full = Image.open(root / test / 'labels_semantic' / f'{i}.png')
        small = pixels(root / test / 'processed_labels_semantic' / f'{i}.png')
        theirs = full.resize((20, 20), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(small, np.asarray(theirs))
    owners = synth.clip('v1s', 'train', 0).frame(4)[1]
    np.testing.assert_array_equal(
        pixels(below / train / 'frames' / names[4]), expected_index(owners)
    )


def test_maskiges_of_avss_frames(tmp_path):
    root = tmp_path / 'tree'
    SynthAVS(image_size=16).write_avss(root, {'test': {'v2': 1}}, maskige=True)
    folder = root / 'pre_SAM_mask' / 'AVSBench_semantic' / 'v2' / 'v2-test-00000_0_10000'
    assert files_below(folder) == {f'frames/{i}_mask_color.png' for i in range(10)}


def test_bad_sizes(tmp_path):
    with pytest.raises(ValueError, match='two sizes of at least 16 pixels'):
        SynthAVS(image_size=16).write_s4(tmp_path / 'a', vct_layout=True, vct_sizes=(384, 8))

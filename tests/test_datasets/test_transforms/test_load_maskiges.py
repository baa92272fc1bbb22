# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest

from mmavs.datasets.maskige import maskige_palette, save_maskige
from mmavs.datasets.transforms import LoadClipFrames, LoadClipMaskiges


def clip(tmp_path, make, size=(20, 24)):
    make.picture(tmp_path / '0.png', make.frame(0, 0))
    index = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    save_maskige(tmp_path / '0_mask_color.png', index)
    paths = dict(
        img_paths=[str(tmp_path / '0.png')], maskige_paths=[str(tmp_path / '0_mask_color.png')]
    )
    return LoadClipFrames()(paths), index


def test_maskiges_are_read_in_colour(tmp_path, make):
    results, index = clip(tmp_path, make)
    (maskige,) = LoadClipMaskiges()(results)['maskiges']
    assert maskige.dtype == np.uint8
    assert np.array_equal(maskige, np.array(maskige_palette()).reshape(256, 3)[index])


def test_what_is_missing_or_does_not_fit(tmp_path, make):
    results, _ = clip(tmp_path, make, size=(10, 12))
    with pytest.raises(ValueError, match=r'0_mask_color\.png is 12x10 .* frame .*0\.png is 24x20'):
        LoadClipMaskiges()(results)
    (tmp_path / '0_mask_color.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r'0_mask_color\.png is damaged'):
        LoadClipMaskiges()(results)
    (tmp_path / '0_mask_color.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'no Maskige .*sam_masks2maskige\.py'):
        LoadClipMaskiges()(results)
    del results['maskige_paths']
    with pytest.raises(ValueError, match='names no Maskiges. Set maskige_path in data_prefix'):
        LoadClipMaskiges()(results)
    with pytest.raises(ValueError, match='put LoadClipFrames before it'):
        LoadClipMaskiges()({})

# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.models.fusion import AudioKeyFusion

DIMS, SIZES = 6, [(2, 3), (4, 6)]
MODES = ('multiply', 'concat', 'add')


def inputs():
    torch.manual_seed(0)
    return [torch.randn(3, DIMS, *size) for size in SIZES], torch.randn(3, 4, DIMS)


def pixel_by_pixel(fuse, feats, audio):
    """Each pixel's vector and the mean token of its frame, one at a time."""
    fused = [torch.empty_like(feat) for feat in feats]
    for level, feat in enumerate(feats):
        for n, row, column in torch.cartesian_prod(*map(torch.arange, feat[:, 0].shape)).tolist():
            heard = sum(audio[n]) / len(audio[n])
            fused[level][n, :, row, column] = fuse(level, feat[n, :, row, column], heard)
    return fused


@torch.no_grad()
@pytest.mark.parametrize('mode', MODES)
def test_every_pixel_hears_the_mean_token_of_its_frame(mode):
    feats, audio = inputs()
    fusion = AudioKeyFusion(mode, DIMS, num_levels=2)

    def fuse(level, pixel, heard):
        if mode == 'concat':
            proj = fusion.projs[level]
            return proj.weight.flatten(1) @ torch.cat([pixel, heard]) + proj.bias
        return pixel * heard if mode == 'multiply' else pixel + heard

    for found, wanted in zip(fusion(feats, audio), pixel_by_pixel(fuse, feats, audio)):
        assert torch.allclose(found, wanted, atol=1e-6)


def test_only_concatenation_has_parameters():
    counts = {mode: sum(1 for _ in AudioKeyFusion(mode, DIMS, 2).parameters()) for mode in MODES}
    assert counts == {'multiply': 0, 'add': 0, 'concat': 4}


def test_unknown_mode_and_missing_levels_are_refused():
    with pytest.raises(ValueError, match=r"mode must be one of .*, got 'sum'"):
        AudioKeyFusion('sum')
    feats, audio = inputs()
    with pytest.raises(ValueError, match='shorter|longer'):
        AudioKeyFusion('concat', DIMS, num_levels=3)(feats, audio)

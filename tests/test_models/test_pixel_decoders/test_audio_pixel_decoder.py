# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
import torch.nn.functional as F

from mmavs.models.audio import AudioResNet, VGGish
from mmavs.models.pixel_decoders import AudioPixelDecoder
from mmavs.testing.goldens import fill_inputs


def test_stages_of_vggish():
    """Strides 4, 8 and 16 of 96 x 64: the first stage is left out."""
    encoder = VGGish(channels=(4, 8, 8, 8, 16, 16), with_fc=False, with_pyramid=True)
    pyramid = encoder(fill_inputs('apd', (2, 1, 1, 96, 64))).pyramid
    decoder = AudioPixelDecoder((8, 8, 16), embed_dims=16, norm_cfg=dict(type='GN', num_groups=4))
    maps = dict(zip(decoder.map_names, decoder(pyramid)))
    shapes = {name: tuple(level.shape) for name, level in maps.items()}
    assert shapes == dict(a4=(2, 16, 24, 16), a8=(2, 16, 12, 8), a16=(2, 16, 6, 4))


def test_stages_of_three_seconds():
    encoder = AudioResNet(base_channels=4).eval()
    pyramid = encoder(fill_inputs('apd3', (1, 1, 48000), -0.5, 0.5), 1).pyramid
    decoder = AudioPixelDecoder(
        (4, 8, 16), first_stage=0, embed_dims=16, norm_cfg=dict(type='GN', num_groups=4)
    )
    assert [tuple(level.shape[-2:]) for level in decoder(pyramid)] == [(75, 16), (38, 8), (19, 4)]


@torch.no_grad()
def test_top_down_path_by_hand():
    torch.manual_seed(0)
    decoder = AudioPixelDecoder(
        (3, 5), (4, 8), embed_dims=8, norm_cfg=dict(type='GN', num_groups=2)
    )
    fine, coarse = fill_inputs('fine', (1, 3, 7, 4)), fill_inputs('coarse', (1, 5, 4, 2))
    found = decoder([fine, fine, coarse])
    lateral = [layer(level) for layer, level in zip(decoder.lateral_convs, (fine, coarse))]
    path = lateral[0] + F.interpolate(lateral[1], (7, 4))
    torch.testing.assert_close(found[0], decoder.fpn_convs[0](path))
    torch.testing.assert_close(found[1], decoder.fpn_convs[1](lateral[1]))


def test_errors():
    with pytest.raises(ValueError, match='a stride for each, got in_channels=.3, 5.'):
        AudioPixelDecoder((3, 5), (4, 8, 16))
    decoder = AudioPixelDecoder((3, 5), (4, 8), first_stage=2, embed_dims=32)
    with pytest.raises(ValueError, match='reads 2 stages from number 2 on, but .* has 3'):
        decoder([torch.zeros(1, 3, 4, 4)] * 3)

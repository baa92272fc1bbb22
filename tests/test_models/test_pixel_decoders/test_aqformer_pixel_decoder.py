# Copyright (c) mmavs developers. All rights reserved.
"""What the maps of AQFormer's pixel decoder are made of."""

import pytest
import torch
from clips import clip_layout

from mmavs.models.pixel_decoders import DeformableAttention
from mmavs.registry import MODELS
from mmavs.testing.tiny_aqformer import tiny_aqformer

CONFIG = tiny_aqformer()['decode_head']['pixel_decoder']
CHANNELS = CONFIG['in_channels']
NAMES = ('s32', 's16', 's8', 's4')


def build(**options):
    torch.manual_seed(0)
    decoder = MODELS.build(dict(CONFIG, **options))
    decoder.init_weights()
    return decoder.eval()


def draw(rows=2):
    torch.manual_seed(1)
    feats = [torch.randn(rows, c, 16 >> i, 24 >> i) for i, c in enumerate(CHANNELS)]
    return feats, torch.randn(rows, 16), clip_layout(rows)


@torch.no_grad()
def test_maps_without_an_encoder_are_the_projections_with_the_sound():
    """An encoder of no layer leaves eq. 2, and the FPN step can be written down."""
    encoder = dict(CONFIG['encoder'], num_layers=0)
    with pytest.raises(IndexError):  # mmdet's encoder asks its first layer for the channels
        build(encoder=encoder)
    decoder, (feats, audio, layout) = build(), draw()
    decoder.encode = lambda levels: torch.cat([x.flatten(2).transpose(1, 2) for x in levels], 1)
    maps = decoder(feats, audio, layout)
    assert tuple(maps) == decoder.map_names == NAMES
    for level, (name, feat) in enumerate(zip(NAMES[2::-1], feats[1:]), 1):
        heard = decoder.audio_fusions[level - 1].value_proj(audio)
        expected = decoder.input_projs[level](feat) + heard[..., None, None]
        assert torch.allclose(maps[name], expected, atol=1e-6)
    lateral = decoder.input_projs[0](feats[0])
    upsampled = torch.nn.Upsample(scale_factor=2, mode='bilinear')(maps['s8'])
    expected = decoder.mask_conv(decoder.output_conv(lateral + upsampled))
    assert torch.allclose(maps['s4'], expected, atol=1e-5)


def changed_by(decoder, what):
    """Which maps change with the sound or the coarsest backbone map."""
    feats, audio, layout = draw()
    before = decoder(feats, audio, layout)
    if what == 'sound':
        audio = audio + 1
    else:
        feats[3] = feats[3] + 1 + torch.rand_like(feats[3])
    after = decoder(feats, audio, layout)
    return {name for name in before if not torch.allclose(before[name], after[name], atol=1e-5)}


@torch.no_grad()
def test_switches():
    assert changed_by(build(), 'sound') == changed_by(build(), 's32') == set(NAMES)
    literal = build(fpn=False)
    assert changed_by(literal, 'sound') == changed_by(literal, 's32') == set(NAMES[:3])
    assert not any('mask_conv' in name for name, _ in literal.named_parameters())
    deaf = build(audio_fusion=None)
    assert changed_by(deaf, 'sound') == set() and changed_by(deaf, 's32') == set(NAMES)


def test_initial_values():
    decoder = build()
    assert decoder.level_embed.std() > 0.5
    (attention,) = [m for m in decoder.modules() if isinstance(m, DeformableAttention)]
    assert (attention.sampling_offsets.weight == 0).all()
    assert attention.sampling_offsets.bias.abs().max() == CONFIG['encoder']['layer_cfg'][
        'self_attn_cfg']['num_points']  # fmt: skip
    assert all((projection.conv.bias == 0).all() for projection in decoder.input_projs)


def test_strides_must_fit():
    with pytest.raises(ValueError, match=r'needs a stride for each map, .*strides=\(8, 16\)'):
        build(strides=(8, 16))

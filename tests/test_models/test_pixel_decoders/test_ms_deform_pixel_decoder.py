# Copyright (c) mmavs developers. All rights reserved.
import math

import pytest
import torch

from mmavs.converters import convert
from mmavs.converters.query_head_rules import PIXEL_DECODER_RULES
from mmavs.models.pixel_decoders import MSDeformPixelDecoder
from mmavs.models.pixel_decoders import deformable_attention as op
from mmavs.testing import fill_inputs, golden_error, golden_state_dict, load_golden

CHANNELS = (8, 12, 16, 20)


def tiny(**kwargs):
    torch.manual_seed(0)
    settings = dict(
        in_channels=CHANNELS, embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=16
    )
    decoder = MSDeformPixelDecoder(**{**settings, **kwargs})
    decoder.init_weights()
    return decoder.eval()


def maps(rows=2):
    return [fill_inputs(f'map{i}', (rows, c, 16 >> i, 24 >> i)) for i, c in enumerate(CHANNELS)]


@torch.no_grad()
def test_official_outputs():
    arrays, manifest = load_golden('vct_pixel_decoder')
    ours = convert(golden_state_dict(arrays, manifest), PIXEL_DECODER_RULES).state_dict
    decoder = MSDeformPixelDecoder((128, 256, 512, 1024)).eval()
    decoder.load_state_dict(
        {name.removeprefix('decode_head.pixel_decoder.'): value for name, value in ours.items()}
    )
    feats = [fill_inputs(name, shape) for name, shape, _ in manifest['inputs']]
    mask_feature, levels = decoder(feats)
    assert golden_error(arrays, 'mask_features', mask_feature) < 1e-4
    for i, level in enumerate(levels):
        assert golden_error(arrays, f'ms{i}', level) < 1e-4


@torch.no_grad()
def test_maps_have_the_names_of_their_strides():
    mask_feature, levels = tiny()(maps())
    assert mask_feature.shape == (2, 32, 16, 24)
    assert tiny().map_names == ('s32', 's16', 's8')
    assert [tuple(level.shape[-2:]) for level in levels] == [(2, 3), (4, 6), (8, 12)]
    decoder = tiny(in_channels=CHANNELS[:3], strides=(4, 8, 16))
    assert decoder.map_names == ('s16', 's8')
    assert [tuple(level.shape[-2:]) for level in decoder(maps()[:3])[1]] == [(4, 6), (8, 12)]


@torch.no_grad()
def test_frames_do_not_mix():
    decoder, feats = tiny(), maps()
    together = decoder(feats)
    for row in range(2):
        alone = decoder([feat[row : row + 1] for feat in feats])
        assert torch.allclose(alone[0], together[0][row : row + 1], atol=1e-5)
        for ours, theirs in zip(alone[1], together[1]):
            assert torch.allclose(ours, theirs[row : row + 1], atol=1e-5)


@torch.no_grad()
def test_full_precision_leaves_autocast():
    decoder, feats = tiny(), maps()
    expected, _ = decoder(feats)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found, _ = decoder([feat.bfloat16() for feat in feats])
    exact, _ = decoder([feat.bfloat16().float() for feat in feats])
    assert found.dtype == torch.float32
    assert torch.equal(found, exact)
    assert not torch.equal(found, expected)


@torch.no_grad()
def test_sampling_is_float32_under_autocast(monkeypatch):
    seen = []

    def spy(value, shapes, locations, weights):
        seen.extend(x.dtype for x in (value, locations, weights))
        return original(value, shapes, locations, weights)

    original = op.multi_scale_deformable_attn_pytorch
    monkeypatch.setattr(op, 'multi_scale_deformable_attn_pytorch', spy)
    decoder, feats = tiny(full_precision=False), maps()
    expected, _ = decoder(feats)
    seen.clear()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found, _ = decoder(feats)
    assert len(seen) == 6 and set(seen) == {torch.float32}
    assert found.dtype == torch.bfloat16
    assert 0 < (found - expected).abs().max() < 0.2  # outputs are about 1, bfloat16 has 8 bits


def test_initial_values():
    decoder = tiny()
    for module in decoder.encoder.layers:
        linear = module.ffn.layers[0][0].weight
        bound = math.sqrt(6 / sum(linear.shape))  # Xavier, uniform: reached nearly, never passed
        assert 0.95 * bound < linear.abs().max() <= bound
        assert (module.self_attn.attention_weights.weight == 0).all()
        assert (module.self_attn.sampling_offsets.weight == 0).all()
        assert module.self_attn.sampling_offsets.bias.abs().max() == 4  # points 1 to 4 cells away
    for conv in decoder.input_convs:
        assert (conv.conv.bias == 0).all()
    assert 0.7 < decoder.level_encoding.weight.std() < 1.3


@pytest.mark.parametrize('settings', [dict(in_channels=(8,), strides=(4,)), dict(strides=(4, 8))])
def test_maps_and_strides_must_fit(settings):
    with pytest.raises(ValueError, match='at least 2 maps and a stride for each'):
        tiny(**settings)

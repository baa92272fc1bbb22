# Copyright (c) mmavs developers. All rights reserved.
"""Single modules of AVSegFormer against the official ones, with strong audio."""

import pytest
import torch
from mmengine.config import Config

from mmavs.converters import CONVERTERS
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures
from mmavs.testing.goldens import fill_inputs, golden_error, load_golden, official_state_dict

TOLERANCE = 1e-4


@pytest.fixture(scope='module')
def golden():
    return load_golden('avsegformer_modules')


@pytest.fixture
def head(root):
    config = Config.fromfile(root / 'configs/_base_/models/avsegformer_r50.py')
    return MODELS.build(config.model.decode_head).eval()


def load_part(head, entries, prefix):
    """Fill under a module's own official names, then put those under the whole model's names."""
    state_dict = {f'{prefix}{k}': v for k, v in official_state_dict(entries).items()}
    converted = CONVERTERS['avsegformer'](state_dict).state_dict
    ours = {key.removeprefix('decode_head.'): value for key, value in converted.items()}
    result = head.load_state_dict(ours, strict=False)
    assert not result.unexpected_keys
    return set(ours)


@torch.no_grad()
def test_mixer(head, golden):
    arrays, manifest = golden
    load_part(head, manifest['modules']['mixer'], 'head.fusion_block.')
    feature = fill_inputs('mod_mixer_feature', (2, 256, 10, 14))
    audio = 6 * fill_inputs('mod_mixer_audio', (2, 1, 256))
    assert golden_error(arrays, 'mixer', head.mixer(feature, audio)) < TOLERANCE


@torch.no_grad()
def test_query_generator(head, golden):
    arrays, manifest = golden
    load_part(head, manifest['modules']['query_generator'], 'head.query_generator.')
    queries = head.query_generator.audio_queries(fill_inputs('mod_qg_audio', (2, 1, 256)))
    assert golden_error(arrays, 'query_generator', queries) < TOLERANCE


@torch.no_grad()
def test_positions_and_reference_points(head, golden):
    arrays, _ = golden
    decoder = head.pixel_decoder
    position = decoder.positional_encoding(None, torch.zeros(2, 1, 5, 7))
    assert golden_error(arrays, 'pos_plain', position) < TOLERANCE
    shapes = torch.tensor([(8, 12), (4, 6), (2, 3)])
    points = decoder.encoder.get_encoder_reference_points(shapes, torch.ones(2, 3, 2), 'cpu')
    assert golden_error(arrays, 'reference_points', points) < TOLERANCE


@torch.no_grad()
def test_deformable_attention_and_encoder(head, golden):
    arrays, manifest = golden
    shapes = torch.tensor([(8, 12), (4, 6), (2, 3)])
    starts = torch.tensor([0, 96, 120])
    source = fill_inputs('mod_enc_src', (2, 126, 256))
    position = fill_inputs('mod_enc_pos', (2, 126, 256))
    levels = dict(spatial_shapes=shapes, level_start_index=starts)

    encoder = head.pixel_decoder.encoder
    attention = encoder.layers[0].self_attn
    attention.load_state_dict(official_state_dict(manifest['modules']['msdeformattn']))
    points = encoder.get_encoder_reference_points(shapes, torch.ones(2, 3, 2), 'cpu')
    attended = attention(source, query_pos=position, reference_points=points, **levels)
    assert golden_error(arrays, 'msdeformattn', attended - source) < TOLERANCE

    load_part(head, manifest['modules']['transformer'], 'head.transformer.')
    memory = encoder(
        source, position, key_padding_mask=None, valid_ratios=torch.ones(2, 3, 2), **levels
    )
    assert golden_error(arrays, 'transformer_memory', memory) < TOLERANCE
    decoded = head.decoder(fill_inputs('mod_dec_query', (2, 300, 256)), memory)
    assert golden_error(arrays, 'transformer_dec0', decoded[0]) < TOLERANCE
    assert golden_error(arrays, 'transformer_dec5', decoded[-1]) < TOLERANCE


@torch.no_grad()
def test_head_on_rectangular_maps(head, golden):
    arrays, manifest = golden
    loaded = load_part(head, manifest['modules']['head'], 'head.')
    assert set(head.state_dict()) - loaded == {'audio_proj.weight', 'audio_proj.bias'}
    head.audio_proj = torch.nn.Identity()  # the golden's audio is the projected one
    channels = (256, 512, 1024, 2048)
    feats = [
        fill_inputs(f'mod_head_f{i}', (2, c, 16 >> i, 24 >> i)) for i, c in enumerate(channels)
    ]
    outputs = head(feats, AudioFeatures(4 * fill_inputs('mod_head_audio', (2, 1, 256))))
    assert golden_error(arrays, 'head_pred', outputs.logits) < TOLERANCE
    assert golden_error(arrays, 'head_mask_feature', outputs.aux['mask_feature']) < TOLERANCE

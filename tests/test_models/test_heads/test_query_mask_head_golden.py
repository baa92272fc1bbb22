# Copyright (c) mmavs developers. All rights reserved.
"""Heads of VCT and COMBO against the official ones, by official names."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmavs.converters import convert
from mmavs.converters.query_generators import QUERY_GENERATOR_RULES
from mmavs.converters.query_head_rules import QUERY_HEAD_RULES
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures
from mmavs.testing import fill_inputs, golden_error, golden_state_dict, load_golden

# The sheet's noise of float32 (vct.md, section 16).
LOGITS_TOLERANCE, MASKS_TOLERANCE = 2e-5, 1e-4
PREDICTIONS = {'aux0': 0, 'aux1': 1, 'aux4': 4, 'aux8': 8, 'pred': 9}


class GivenMaps(nn.Module):
    """In the place of a pixel decoder, where the golden begins behind it."""

    map_names = ('s32', 's16', 's8')

    def forward(self, feats):
        *maps, mask_feature = feats
        return mask_feature, maps


def load_official(head, arrays, manifest, missing=()):
    """Give a head the golden's weights, all of them, and see that it asks for no others."""
    rules = [*QUERY_HEAD_RULES, *QUERY_GENERATOR_RULES]
    ours = convert(golden_state_dict(arrays, manifest), rules).state_dict
    found = head.load_state_dict(
        {name.removeprefix('decode_head.'): x for name, x in ours.items()}, strict=False
    )
    assert not found.unexpected_keys and set(found.missing_keys) == set(missing)
    head.eval()


def assert_predictions(arrays, outputs):
    assert len(outputs.cls_scores) == len(outputs.mask_logits) == 10
    for name, i in PREDICTIONS.items():
        assert golden_error(arrays, f'{name}_logits', outputs.cls_scores[i]) < LOGITS_TOLERANCE
        assert golden_error(arrays, f'{name}_masks', outputs.mask_logits[i]) < MASKS_TOLERANCE


@pytest.mark.parametrize('case, num_classes, num_prototypes', [('avss', 71, 71), ('s4', 2, 23)])
@torch.no_grad()
def test_vct(case, num_classes, num_prototypes):
    arrays, manifest = load_golden(f'vct_head_{case}_tiny')
    head = MODELS.build(
        dict(
            type='QueryMaskHead',
            num_classes=num_classes,
            audio_source='map',
            pixel_decoder=dict(type='MSDeformPixelDecoder', in_channels=(128, 256, 512, 1024)),
            query_generator=dict(
                type='PrototypePromptedQueryGenerator',
                image_size=(128, 96),
                num_prototypes=num_prototypes,
            ),
            decoder=dict(
                type='MaskedQueryDecoder',
                reads=('audio', 's32', 's16', 's8'),
                num_iterations=2,
                final_reads=('audio',),
            ),
            criterion=dict(type='MaskMatchingCriterion', num_classes=num_classes),
            loss_pac=dict(type='PrototypeAudioContrast'),
        )
    )
    head.pixel_decoder = GivenMaps()
    load_official(head, arrays, manifest, missing=['loss_pac.logit_scale'])
    *maps, audio, mask_feature = (fill_inputs(*entry[:2]) for entry in manifest['inputs'])
    outputs = head([*maps, mask_feature], AudioFeatures(audio.flatten(2).mT, audio))

    queries = outputs.aux['visual_queries'].transpose(0, 1)
    assert golden_error(arrays, 'visual_query', queries) < LOGITS_TOLERANCE
    assert_predictions(arrays, outputs)
    sound = head.loss_pac.audio_proj(outputs.aux['audio_tokens'].mean(1))
    assert golden_error(arrays, 'audio_feat', F.normalize(sound)) < LOGITS_TOLERANCE
    meant = F.normalize(head.loss_pac.proto_proj(outputs.aux['prototypes']))
    assert golden_error(arrays, 'proto_feat', meant.expand(2, -1, -1)) < LOGITS_TOLERANCE


@torch.no_grad()
def test_combo():
    arrays, manifest = load_golden('combo_head_ms3_tiny')
    head = MODELS.build(
        dict(
            type='QueryMaskHead',
            num_classes=2,
            pixel_decoder=dict(type='MSDeformPixelDecoder', in_channels=(256, 512, 1024, 2048)),
            fusion=dict(type='BilateralFusion'),
            audio_mlp=dict(type='AudioMLP', in_channels=128),
            query_generator=dict(type='LearnedQueryGenerator', audio='add', parity=True),
            decoder=dict(type='MaskedQueryDecoder', reads=('s32', 's16', 's8'), num_iterations=3),
            criterion=dict(type='MaskMatchingCriterion', num_classes=2),
        )
    )
    load_official(head, arrays, manifest)
    *feats, audio = (fill_inputs(*entry[:2]) for entry in manifest['inputs'])
    audio = audio.clamp(min=0)
    outputs = head(feats, AudioFeatures(audio))

    fused, heard = head.fusion(head.pixel_decoder(feats)[0], audio)
    assert golden_error(arrays, 'fused_mask_features', fused) < LOGITS_TOLERANCE
    assert golden_error(arrays, 'fused_audio', heard) < LOGITS_TOLERANCE
    tokens = outputs.aux['audio_tokens']
    assert golden_error(arrays, 'audio_query', tokens) < LOGITS_TOLERANCE
    assert_predictions(arrays, outputs)

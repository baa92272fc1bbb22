# Copyright (c) mmavs developers. All rights reserved.
"""The whole model against the official one, for weights and inputs decided by names alone."""

import pytest
import torch
from mmengine.config import Config

from mmavs.converters import CONVERTERS
from mmavs.registry import MODELS
from mmavs.structures import AVSDataSample
from mmavs.testing.goldens import fill_inputs, golden_error, load_golden, official_state_dict

TOLERANCE = 1e-4
CONFIGS = 'configs/avsegformer'


def official_parts(case, model, frames, audio):
    """What the manifest names, by the manifest's names."""
    head = model.decode_head
    feats = model.extract_feat(frames)
    heard = model.audio_encoder(audio[None], len(frames))
    sound = head.audio_proj(heard.embed)
    mask_feature, memory = head.pixel_decoder(feats)
    outputs = model(dict(imgs=frames[None], audio=audio[None]), None, mode='tensor')
    parts = dict(
        {f'backbone_{i}': feat for i, feat in enumerate(feats)},
        vggish=heard.embed[:, 0],
        audio_feat=sound,
        query_audio=head.query_generator.audio_queries(sound),
        memory=memory,
        mask_feature_pre=mask_feature,
        mixer_logit=head.mixer.gate_logits(mask_feature, sound)[:, None],
        decoder_last=outputs.aux['queries'],
        mask_feature=outputs.aux['mask_feature'],
        pred=outputs.logits,
    )
    if 'avss' in case:
        parts.update(padded_parts(model, frames, audio))
    return parts


def padded_parts(model, frames, audio):
    """A clip whose second frame only pads it (``vid_temporal_mask_flag`` [1, 0])."""
    sample = AVSDataSample()
    sample.frame_valid = torch.tensor([True, False])
    outputs = model(dict(imgs=frames[None], audio=audio[None]), [sample], mode='tensor')
    return dict(pred_flag10=outputs.logits, mask_feature_flag10=outputs.aux['mask_feature'])


@pytest.mark.parametrize(
    ('case', 'config'),
    [
        ('avsegformer_r50_s4', 'avsegformer_r50_vggish_1xb2-30e_s4-512x512.py'),
        ('avsegformer_pvt_s4', 'avsegformer_pvt-v2-b5_vggish_1xb2-30e_s4-512x512.py'),
        ('avsegformer_pvt_avss', 'avsegformer_pvt-v2-b5_vggish_1xb4-30e_avss-224x224.py'),
    ],
)
def test_whole_model_equals_official(case, config, root):
    arrays, manifest = load_golden(case)
    model = MODELS.build(Config.fromfile(root / CONFIGS / config).model).eval()
    conversion = CONVERTERS['avsegformer'](official_state_dict(manifest['state_dict']))
    model.load_state_dict(conversion.state_dict, strict=True)
    assert len(conversion.renamed) + len(conversion.dropped) == len(manifest['state_dict'])

    frames = fill_inputs('frames', (2, 3, 224, 224))
    audio = fill_inputs('audio', (2, 1, 96, 64))
    with torch.no_grad():
        parts = official_parts(case, model, frames, audio)
    errors = {name: golden_error(arrays, name, value) for name, value in parts.items()}
    assert max(errors.values()) < TOLERANCE, errors

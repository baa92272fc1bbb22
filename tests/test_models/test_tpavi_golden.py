# Copyright (c) mmavs developers. All rights reserved.
"""TPAVI, backbone and head, against the official model, padded frames included."""

import torch
from mmengine.config import Config

from mmavs.converters import CONVERTERS
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout
from mmavs.testing.goldens import fill_inputs, golden_error, load_golden, official_state_dict

TOLERANCE = 1e-4


def load_model(case, config, root):
    """The model with official weights but for its audio encoder: the goldens are given vectors."""
    arrays, manifest = load_golden(case)
    model = MODELS.build(Config.fromfile(root / 'configs/tpavi' / config).model)
    conversion = CONVERTERS['tpavi'](official_state_dict(manifest['state_dict']))
    assert len(conversion.renamed) + len(conversion.dropped) == len(manifest['state_dict'])
    missing, unexpected = model.load_state_dict(conversion.state_dict, strict=False)
    assert not unexpected
    assert all(name.startswith('audio_encoder.') for name in missing)
    model.eval()
    return model, arrays


@torch.no_grad()
def test_s4_resnet50(root):
    model, arrays = load_model('tpavi_r50_s4', 'tpavi_r50_vggish_1xb4-15e_s4-224x224.py', root)
    frames = fill_inputs('tpavi_frames_avs_s4', (5, 3, 224, 224))
    sound = fill_inputs('tpavi_audio_avs_s4', (5, 128), 0.0, 1.0)
    layout = ClipLayout(5, torch.ones(5, dtype=torch.bool))
    feats = model.extract_feat(frames)
    head = model.decode_head
    outputs = head(feats, AudioFeatures(sound[:, None]), layout)
    parts = dict(pred=outputs.logits)
    for i, feat in enumerate(feats):
        classified = head.classifiers[i](feat)
        parts[f'backbone_{i}'] = feat
        parts[f'conv{i + 1}'] = classified
        fused = head.fusions[i](classified, sound, layout)[0]
        parts[f'tpavi_b{i + 1}'] = fused[None].transpose(1, 2)
        parts[f'feature_map_{i}'] = outputs.aux['feature_maps'][i]
        parts[f'a_fea_{i}'] = outputs.aux['audio_features'][i][None]
        parts[f'path{i + 1}'] = outputs.aux['paths'][i]
    errors = {name: golden_error(arrays, name, value) for name, value in parts.items()}
    assert max(errors.values()) < TOLERANCE, errors


@torch.no_grad()
def test_avss_pvt_with_padded_frames(root):
    config = 'tpavi_pvt-v2-b5_vggish_1xb4-60e_avss-224x224.py'
    model, arrays = load_model('tpavi_pvt_avss', config, root)
    feats = model.extract_feat(fill_inputs('tpavi_frames_avss', (10, 3, 224, 224)))
    sound = fill_inputs('tpavi_audio_avss', (10, 128), 0.0, 1.0)
    errors = {}
    for name, flags in dict(
        all=[1] * 10, half=[1] * 5 + [0] * 5, mix=[1, 1, 1, 0, 1, 0, 1, 0, 0, 0]
    ).items():
        valid = torch.tensor(flags, dtype=torch.bool)
        for has_padding in (False, True):
            rows = torch.ones_like(valid) if has_padding else valid
            layout = ClipLayout(10, valid, has_padding)
            outputs = model.decode_head(
                [feat[rows] for feat in feats], AudioFeatures(sound[rows, None]), layout
            )
            parts = {'pred': outputs.logits}
            for i in range(4):
                parts[f'feature_map_{i}'] = outputs.aux['feature_maps'][i]
            if name == 'all':
                parts['path1'] = outputs.aux['paths'][0]
            for part, value in parts.items():
                padded = value.new_zeros(10, *value.shape[1:])
                padded[valid] = value
                errors[part, name, has_padding] = golden_error(
                    arrays, f'{part}_flag_{name}', padded
                )
    assert max(errors.values()) < TOLERANCE, errors

# Copyright (c) mmavs developers. All rights reserved.
"""COMBO as a whole against the official model, through converter, Maskige branch and predict."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config

from mmavs.converters import CONVERTERS
from mmavs.registry import MODELS
from mmavs.structures import AVSDataSample
from mmavs.testing.goldens import fill_inputs, golden_error, golden_state_dict, load_golden

CASE = 'combo_r50_ms3'
CONFIG = 'configs/combo/combo_r50_vggish_1xb8-20k_ms3-224x224.py'


def golden_inputs(case):
    """One clip, in the values of pictures, as the manifest describes it."""

    def draw(name, *shape):
        return fill_inputs(f'{case}/v2/{name}', shape, 0, 255)

    coarse = F.interpolate(draw('images_low', 5, 3, 7, 7), scale_factor=32, mode='nearest')
    return dict(
        imgs=0.5 * draw('images', 5, 3, 224, 224) + 0.5 * coarse,
        maskige=F.interpolate(draw('pre_masks_low', 5, 3, 14, 14), scale_factor=16, mode='nearest'),
        audio=fill_inputs(f'{case}/v2/audio_log_mel', (5, 1, 96, 64)),
    )


@pytest.fixture(scope='module')
def golden(root):
    """Arrays of the golden; what the head reads and gives, scores and sample of our model."""
    arrays, manifest = load_golden(CASE)
    model = MODELS.build(Config.fromfile(root / CONFIG).model)
    official = golden_state_dict(arrays, manifest)
    model.load_state_dict(CONVERTERS['combo'](official).state_dict, strict=True)
    model.eval()
    seen = {}
    head = model.decode_head
    head.register_forward_hook(lambda _, args, outputs: seen.update(args=args, outputs=outputs))
    head.audio_mlp.register_forward_hook(lambda _, args, outputs: seen.update(sound=outputs))
    sample = AVSDataSample(metainfo=dict(img_shape=(224, 224), ori_shape=(224, 224)))
    clip = {key: [value] for key, value in golden_inputs(CASE).items()}
    data = model.data_preprocessor(dict(inputs=clip, data_samples=[sample]))
    with torch.no_grad():
        sample = model(**data, mode='predict')[0]
        scores = head.semantic_scores(seen['outputs'], (224, 224))
    return arrays, seen, scores, sample


def test_what_the_head_reads(golden):
    """Backbones, gates and VGGish; then the sound behind fusion and MLP, and the mask feature."""
    arrays, seen, _, _ = golden
    feats, heard, _ = seen['args']
    parts = {f'fused_res{i}': feat for i, feat in enumerate(feats, start=2)}
    parts.update(vggish=heard.embed[:, 0], audio_query=seen['sound'])
    parts['mask_features'] = seen['outputs'].aux['mask_feature']
    errors = {name: golden_error(arrays, name, value) for name, value in parts.items()}
    assert max(errors.values()) < 1e-4, errors


def test_predictions(golden):
    """Later blocks read where a mask is above zero, so that noise of 1e-6 moves their masks by up
    to 1.4e-3 (the manifest); the initial queries' are close."""
    arrays, outputs = golden[0], golden[1]['outputs']
    first = (outputs.cls_scores[0], outputs.mask_logits[0])
    for name, value in zip(('aux0_logits', 'aux0_masks'), first):
        assert golden_error(arrays, name, value) < 1e-4, name
    for name, index in (('aux4', 4), ('aux8', 8), ('pred', 9)):
        assert golden_error(arrays, f'{name}_logits', outputs.cls_scores[index]) < 1e-3
        assert share_within(arrays, f'{name}_masks', outputs.mask_logits[index], 1e-3) > 0.99


def test_scores_and_classes(golden):
    arrays, _, scores, sample = golden
    assert share_within(arrays, 'sem_seg', scores, 1e-3) > 0.99
    classes = sample.pred_sem_seg.data
    assert 0.1 < classes.float().mean() < 0.3
    assert share_within(arrays, 'sem_seg_argmax', classes, 0) > 0.9999


def share_within(arrays, key, value, tolerance):
    """The share of the kept numbers of a golden array that a tensor comes close to."""
    assert tuple(arrays[f'{key}__shape']) == tuple(value.shape)
    kept = value.reshape(-1)[:: int(arrays[f'{key}__stride'])].double().numpy()
    return (np.abs(kept - arrays[f'{key}__sub']) <= tolerance).mean()

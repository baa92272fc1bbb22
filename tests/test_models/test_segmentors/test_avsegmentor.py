# Copyright (c) mmavs developers. All rights reserved.
"""The segmentor: equivalences of batching, padding and frame choice; sizes; gradients."""

import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.structures import AVSDataSample
from mmavs.testing.tiny import annotated_frames, random_clip, tiny_avsegformer


def build(num_classes=1):
    torch.manual_seed(0)
    model = MODELS.build(tiny_avsegformer(num_classes))
    model.init_weights()
    return model.eval()


def run(model, clips, mode, training=False):
    data = model.data_preprocessor(pseudo_collate(clips), training)
    return model(**data, mode=mode)


def gradients(model, clips):
    model.zero_grad()
    losses = run(model, clips, 'loss', training=True)
    sum(losses.values()).backward()
    grads = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return {k: v.item() for k, v in losses.items()}, grads


@pytest.mark.parametrize('num_classes', [1, 5])
@pytest.mark.parametrize('waveform', [False, True])
@torch.no_grad()
def test_tensor_mode_is_clip_major_at_input_size(num_classes, waveform):
    model = build(num_classes)
    clips = [random_clip(seed=i, waveform=waveform) for i in range(2)]
    inputs = model.data_preprocessor(pseudo_collate(clips))['inputs']
    both = model(inputs, None, mode='tensor').logits
    assert both.shape == (10, num_classes, 64, 96)
    for i in range(2):
        alone = model({k: v[i : i + 1] for k, v in inputs.items()}, None, mode='tensor').logits
        assert torch.allclose(both[5 * i : 5 * i + 5], alone, atol=1e-5)


@torch.no_grad()
def test_single_frame():
    model = build()
    outputs = run(model, [random_clip(num_frames=1)], 'tensor')
    assert outputs.logits.shape == (1, 1, 64, 96)


@torch.no_grad()
def test_odd_size_is_padded_and_cropped():
    """A size that is no multiple of 32 is predicted at its own size."""
    model = build()
    sample = run(model, [random_clip(size=(50, 70))], 'predict')[0]
    assert sample.pred_sem_seg.data.shape == sample.pred_scores.data.shape == (5, 50, 70)


@torch.no_grad()
@pytest.mark.parametrize('waveform', [False, True])
def test_padded_clips_equal_one_by_one(waveform):
    """Clips of 5 and 3 frames in one batch: same logits as alone, zeros on the padding."""
    model = build()
    clips = [random_clip(5, seed=1, waveform=waveform), random_clip(3, seed=2, waveform=waveform)]
    alone = [
        run(model, [random_clip(n, seed=s, waveform=waveform)], 'tensor').logits
        for n, s in ((5, 1), (3, 2))
    ]
    both = run(model, clips, 'tensor')
    assert torch.allclose(both.logits[:5], alone[0], atol=1e-5)
    assert torch.allclose(both.logits[5:8], alone[1], atol=1e-5)
    assert both.logits[8:].abs().max() == 0
    assert both.aux['queries'].shape[0] == 10


@pytest.mark.parametrize('waveform', [False, True])
@pytest.mark.parametrize('annotated', [(0,), (1, 3)])
def test_annotated_frames_give_the_losses_and_gradients_of_whole_clips(waveform, annotated):
    model = build()
    clips = [random_clip(annotated=annotated, waveform=waveform, seed=i) for i in range(2)]
    expected_losses, expected = gradients(model, clips)
    short = [
        annotated_frames(random_clip(annotated=annotated, waveform=waveform, seed=i))
        for i in range(2)
    ]
    losses, found = gradients(model, short)
    assert losses == pytest.approx(expected_losses, abs=1e-6)
    assert found.keys() == expected.keys()
    for name, grad in expected.items():
        assert torch.allclose(found[name], grad, atol=1e-6), name
    # the test is not about zeros
    assert sum(grad.abs().sum() for grad in found.values()) > 1


def test_every_parameter_gets_a_gradient():
    """DDP with find_unused_parameters=False needs it, also on clips with empty masks."""
    model = build()
    clip = random_clip()
    clip['data_samples'].gt_sem_seg.data.zero_()
    _, grads = gradients(model, [clip])
    assert set(grads) == {n for n, p in model.named_parameters() if p.requires_grad}
    assert all(torch.isfinite(grad).all() for grad in grads.values())


@torch.no_grad()
def test_predict_fills_the_samples_at_label_size():
    model = build()
    clip = random_clip()
    clip['data_samples'].gt_sem_seg = type(clip['data_samples'].gt_sem_seg)(
        data=torch.zeros(5, 128, 200, dtype=torch.long)
    )
    sample = run(model, [clip], 'predict')[0]
    assert sample.pred_sem_seg.data.shape == (5, 128, 200)
    assert torch.equal(sample.pred_sem_seg.data, (sample.pred_scores.data > 0.5).long())


@torch.no_grad()
def test_threshold_comes_from_the_config():
    model = build()
    model.test_cfg['threshold'] = 0.9
    sample = run(model, [random_clip()], 'predict')[0]
    assert torch.equal(sample.pred_sem_seg.data, (sample.pred_scores.data > 0.9).long())


@torch.no_grad()
def test_predict_without_labels_uses_the_original_size_and_semantic_has_no_scores():
    model = build(num_classes=5)
    clip = random_clip()
    sample = AVSDataSample(metainfo=dict(img_shape=(64, 96), ori_shape=(32, 48)))
    predicted = run(model, [dict(inputs=clip['inputs'], data_samples=sample)], 'predict')[0]
    assert predicted.pred_sem_seg.data.shape == (5, 32, 48)
    assert 'pred_scores' not in predicted


def test_training_without_labels_is_refused():
    model = build()
    clip = random_clip()
    clip['data_samples'] = AVSDataSample(metainfo=dict(clip_id='dog'))
    with pytest.raises(ValueError, match='"dog" has no gt_sem_seg.*LoadClipMasks'):
        run(model, [clip], 'loss')

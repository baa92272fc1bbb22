# Copyright (c) mmavs developers. All rights reserved.
"""Padded frames against the official handling of AVSS, which runs them and multiplies them away."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures
from mmavs.testing.tiny import random_clip, tiny_avsegformer

NUM_CLASSES = 7
LENGTH = 10
MIXED, SHORT = ((5, (0,)), (10, None)), ((5, (0,)), (5, None))
"""Clips of a batch as (frames, frames with a mask): v1s beside v2, and v1s beside v1m."""


def build(norm='BN', **train_cfg):
    torch.manual_seed(0)
    config = tiny_avsegformer(NUM_CLASSES)
    config['backbone']['norm_cfg'] = dict(type=norm, **(dict(num_groups=4) if norm == 'GN' else {}))
    config['data_preprocessor']['min_frames'] = LENGTH
    model = MODELS.build(dict(config, train_cfg=train_cfg))
    model.init_weights()
    return model


def batch(model, clips, training, waveform=False):
    items = [
        random_clip(frames, annotated=annotated, num_classes=NUM_CLASSES, waveform=waveform, seed=i)
        for i, (frames, annotated) in enumerate(clips)
    ]
    return model.data_preprocessor(pseudo_collate(items), training)


def multiplied_by(rows, flags):
    return rows * flags.view(-1, *[1] * (rows.dim() - 1))


def official_forward(model, data):
    """All rows through everything; backbone maps, prediction and mask feature times the flag."""
    imgs, samples = data['inputs']['imgs'], data['data_samples']
    flags = torch.cat([sample.frame_valid for sample in samples]).float()
    feats = [multiplied_by(feat, flags) for feat in model.backbone(imgs.flatten(0, 1))]
    audio = model.extract_audio(data['inputs']['audio'], imgs.shape[1], samples)
    outputs = model.decode_head(feats, AudioFeatures(audio.embed))
    return tuple(
        multiplied_by(rows, flags) for rows in (outputs.logits, outputs.aux['mask_feature'])
    )


def official_losses(model, data):
    """Cross-entropy and Dice of each frame, averaged over the frames with a label (sheet 7)."""
    logits, mask_feature = official_forward(model, data)
    samples = data['data_samples']
    flags = torch.cat([sample.frame_annotated for sample in samples]).float()
    target = torch.cat([sample.gt_sem_seg.data for sample in samples])
    target = target * flags.long().view(-1, 1, 1)  # the official loader pads labels with 0
    entropy = F.cross_entropy(logits, target, reduction='none').flatten(1).mean(1)
    mixed = F.interpolate(mask_feature.mean(1, keepdim=True), target.shape[-2:], mode='bilinear')
    scores, truth = mixed.sigmoid().flatten(1), (target > 0).float().flatten(1)
    squares = (scores**2).sum(1) + 0.001 + (truth**2).sum(1) + 0.001
    dice = 1 - 2 * (scores * truth).sum(1) / squares
    mask, mix = ((flags * terms).sum() / flags.sum() for terms in (entropy, dice))
    return dict(loss_mask=mask, loss_mix=0.1 * mix)


def differences(model, losses, reference, reference_losses):
    """Largest difference of the losses, and of the gradients, of two models of equal weights."""
    for values in (losses, reference_losses):
        sum(values.values()).backward()
    expected = {n: p.grad for n, p in reference.named_parameters() if p.grad is not None}
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys() and losses.keys() == reference_losses.keys()
    assert sum(grad.abs().sum() for grad in expected.values()) > 1
    return (
        max((losses[k] - reference_losses[k]).abs().item() for k in losses),
        max((found[n] - grad).abs().max().item() for n, grad in expected.items()),
    )


def statistics(model):
    return torch.cat(
        [buffer.flatten() for name, buffer in model.backbone.named_buffers() if 'running' in name]
    )


@pytest.mark.parametrize('waveform', [False, True])
@torch.no_grad()
def test_logits_equal_the_official_ones(waveform):
    model = build().eval()
    data = batch(model, MIXED, training=False, waveform=waveform)
    logits, mask_feature = official_forward(model, data)
    outputs = model(**data, mode='tensor')
    assert torch.allclose(outputs.logits, logits, atol=1e-5)
    assert torch.allclose(outputs.aux['mask_feature'], mask_feature, atol=1e-5)
    padding, frames = outputs.logits[5:10], outputs.logits[10:].flatten(1)
    assert padding.abs().max() == 0 < frames.abs().mean(1).min()


@pytest.mark.parametrize('clips', [MIXED, SHORT])
@pytest.mark.parametrize('compute_padded_frames', [False, True])
def test_without_batch_norms_losses_and_gradients_do_not_depend_on_the_switch(
    clips, compute_padded_frames
):
    model = build('GN', compute_padded_frames=compute_padded_frames).train()
    reference = build('GN').train()
    data = batch(model, clips, training=True)
    losses = model(**data, mode='loss')
    errors = differences(model, losses, reference, official_losses(reference, data))
    assert max(errors) < 1e-5, errors


@pytest.mark.parametrize('clips', [MIXED, SHORT])
@pytest.mark.parametrize('waveform', [False, True])
def test_batch_norms_see_the_padding_with_the_switch(clips, waveform):
    """Also if no clip of the batch is long: ``min_frames`` pads them all."""
    model, reference = build(compute_padded_frames=True).train(), build().train()
    data = batch(model, clips, training=True, waveform=waveform)
    assert data['inputs']['imgs'].shape[1] == LENGTH
    losses = model(**data, mode='loss')
    errors = differences(model, losses, reference, official_losses(reference, data))
    assert max(errors) < 1e-4, errors
    assert torch.allclose(statistics(model), statistics(reference), atol=1e-6)


def test_batch_norms_do_not_see_the_padding_without_it():
    model, reference = build().train(), build().train()
    data = batch(model, MIXED, training=True)
    model(**data, mode='loss')
    official_losses(reference, data)
    assert (statistics(model) - statistics(reference)).abs().max() > 1e-2


@pytest.mark.parametrize('compute_padded_frames', [False, True])
def test_frames_that_are_computed(compute_padded_frames):
    """The head never sees padding, and in a test the backbone does not either."""
    model = build(compute_padded_frames=compute_padded_frames)
    rows = []
    model.backbone.conv1.register_forward_hook(lambda _, inputs, out: rows.append(len(out)))
    model.decode_head.pixel_decoder.register_forward_hook(
        lambda _, inputs, out: rows.append(len(out[0]))
    )
    model.train()(**batch(model, SHORT, training=True), mode='loss')
    model.eval()(**batch(model, MIXED, training=False), mode='predict')
    assert rows == [20 if compute_padded_frames else 10, 10, 15, 15]

# Copyright (c) mmavs developers. All rights reserved.
"""Losses and their gradients against the official ones, and the frames that count."""

import pytest
import torch

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX, MaskOutputs
from mmavs.testing.goldens import golden_error, load_golden
from mmavs.testing.tiny import tiny_avsegformer

TOLERANCE = 1e-4
BCE = dict(
    loss_mask=dict(type='BinaryMaskLoss', loss=dict(type='BinaryCrossEntropyLoss')),
    loss_mix=dict(type='MixingLoss', loss=dict(type='BinaryCrossEntropyLoss', loss_weight=0.1)),
)


@pytest.fixture(scope='module')
def arrays():
    return load_golden('losses_avsegformer')[0]


def build_head(num_classes=1, **losses):
    return MODELS.build(dict(tiny_avsegformer(num_classes)['decode_head'], **losses))


def tensors(arrays, suffix=''):
    logits = torch.from_numpy(arrays[f'pred{suffix}']).requires_grad_()
    feature = torch.from_numpy(arrays[f'mask_feature{suffix}']).requires_grad_()
    return logits, feature


def check(losses, arrays, key, logits=None, feature=None):
    total = sum(losses.values())
    vector = torch.stack([total, losses['loss_mask'], losses['loss_mix']])
    assert golden_error(arrays, key, vector) < TOLERANCE
    if logits is not None:
        total.backward()
        assert golden_error(arrays, f'{key}_grad_pred', logits.grad) < TOLERANCE
        assert golden_error(arrays, f'{key}_grad_mf_c0', feature.grad[:, 0]) < TOLERANCE
        assert torch.equal(feature.grad, feature.grad[:, :1].expand_as(feature.grad))


def s4_target(arrays):
    target = torch.full((10, 32, 32), IGNORE_INDEX)
    target[::5] = torch.from_numpy(arrays['gt_s4']).squeeze().long()
    annotated = torch.zeros(10, dtype=torch.bool)
    annotated[::5] = True
    return target, annotated


def test_s4(arrays):
    target, annotated = s4_target(arrays)
    logits, feature = tensors(arrays)
    outputs = MaskOutputs(logits, aux=dict(mask_feature=feature))
    check(build_head().loss(outputs, target, annotated), arrays, 's4_dice', logits, feature)
    check(build_head(**BCE).loss(outputs, target, annotated), arrays, 's4_bce')


def test_ms3(arrays):
    target = torch.from_numpy(arrays['gt_ms3']).squeeze(1).long()
    annotated = torch.ones(10, dtype=torch.bool)
    logits, feature = tensors(arrays)
    outputs = MaskOutputs(logits, aux=dict(mask_feature=feature))
    check(build_head().loss(outputs, target, annotated), arrays, 'ms3_dice', logits, feature)
    check(build_head(**BCE).loss(outputs, target, annotated), arrays, 'ms3_bce')


def test_avss(arrays):
    target = torch.from_numpy(arrays['gt_avss']).long()
    logits, feature = tensors(arrays, '_avss')
    outputs = MaskOutputs(logits, aux=dict(mask_feature=feature))
    head = build_head(num_classes=71)
    annotated = torch.from_numpy(arrays['gt_flag']).bool()
    check(head.loss(outputs, target, annotated), arrays, 'avss', logits, feature)
    check(head.loss(outputs, target, torch.ones(20, dtype=torch.bool)), arrays, 'avss_flag_all')


def test_autocast_does_not_change_the_losses(arrays):
    target, annotated = s4_target(arrays)
    logits, feature = tensors(arrays)
    outputs = MaskOutputs(logits, aux=dict(mask_feature=feature))
    head = build_head()
    expected = head.loss(outputs, target, annotated)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = head.loss(outputs, target, annotated)
    assert {k: v.item() for k, v in found.items()} == {k: v.item() for k, v in expected.items()}


@pytest.mark.parametrize('inner', ['mmdet.DiceLoss', 'BinaryCrossEntropyLoss'])
def test_ignored_pixels_do_not_count(arrays, inner):
    """The loss of the labelled half of a frame, with the other half at 255."""
    logits, _ = tensors(arrays)
    target = torch.from_numpy(arrays['gt_ms3']).squeeze(1).long()
    loss = MODELS.build(dict(type='BinaryMaskLoss', loss=dict(type=inner)))
    expected = loss(logits[..., :16, :], target[:, :16])
    masked = target.clone()
    masked[:, 16:] = IGNORE_INDEX
    assert torch.allclose(loss(logits, masked), expected, atol=1e-6)
    masked[:] = IGNORE_INDEX
    assert loss(logits, masked).item() == 0


def test_no_annotated_frame_gives_zero_and_keeps_the_graph(arrays):
    logits, feature = tensors(arrays)
    outputs = MaskOutputs(logits, aux=dict(mask_feature=feature))
    target = torch.full((10, 32, 32), IGNORE_INDEX)
    losses = build_head().loss(outputs, target, torch.zeros(10, dtype=torch.bool))
    sum(losses.values()).backward()
    assert all(value.item() == 0 for value in losses.values())
    assert logits.grad.abs().max() == 0
    assert feature.grad.abs().max() == 0

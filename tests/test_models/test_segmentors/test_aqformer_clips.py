# Copyright (c) mmavs developers. All rights reserved.
"""Whole AQFormer on clips: unequal lengths, S4's single mask, silence, padded frames."""

import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.testing.tiny import annotated_frames, random_clip
from mmavs.testing.tiny_aqformer import tiny_aqformer

NO_GRADIENT = {
    # of the first weights: the query of deformable attention is multiplied by 0
    'decode_head.pixel_decoder.level_embed',
}


def build(head=None, **settings):
    """Without init_weights, which makes residual branches of the ResNet zero."""
    torch.manual_seed(0)
    config = dict(tiny_aqformer(), **settings)
    config['decode_head'].update(head or {})
    return MODELS.build(config)


def run(model, clips, mode, training=False):
    return model(**model.data_preprocessor(pseudo_collate(clips), training), mode=mode)


def losses_and_gradients(model, clips):
    model.zero_grad()
    losses = run(model, clips, 'loss', training=True)
    sum(losses.values()).backward()
    grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return losses, grads


OPTIONS = [
    {},
    dict(bridge=None),
    dict(decoder=dict(tiny_aqformer()['decode_head']['decoder'], own_frame=True)),
    dict(decoder=dict(tiny_aqformer()['decode_head']['decoder'], norm='branch')),
]
CLIP_KEYS = dict(tiny_aqformer()['decode_head']['pixel_decoder'])
CLIP_KEYS['audio_fusion'] = dict(CLIP_KEYS['audio_fusion'], mode='clip')
OPTIONS.append(dict(pixel_decoder=CLIP_KEYS))


@pytest.mark.parametrize('head', OPTIONS)
@pytest.mark.parametrize('compute_padded_frames', [False, True])
def test_clips_of_5_and_10_frames_equal_one_by_one(head, compute_padded_frames):
    model = build(head, train_cfg=dict(compute_padded_frames=compute_padded_frames))
    frames = (5, 10)
    clips = [random_clip(n, seed=n) for n in frames]

    model.eval()
    with torch.no_grad():
        both = run(model, clips, 'tensor').logits.unflatten(0, (2, -1))
        for i, number in enumerate(frames):
            alone = run(model, clips[i : i + 1], 'tensor').logits
            assert torch.allclose(both[i, :number], alone, atol=1e-5)
            assert both[i, number:].abs().sum() == 0

    model.train()
    losses, grads = losses_and_gradients(model, clips)
    # means over frames with a mask; over clips for the similarity
    shares = dict.fromkeys(losses, (5 / 15, 10 / 15)) | dict(loss_sim=(0.5, 0.5))
    model.zero_grad()
    total = 0
    expected = dict.fromkeys(losses, 0.0)
    for i in range(2):
        for name, loss in run(model, clips[i : i + 1], 'loss', training=True).items():
            expected[name] += shares[name][i] * loss.item()
            total = total + shares[name][i] * loss
    total.backward()
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(expected[name], abs=1e-5), name
    for name, parameter in model.named_parameters():
        largest = parameter.grad.abs().max().item()
        assert (grads[name] - parameter.grad).abs().max() <= 1e-3 * largest + 1e-7, name


def test_s4_has_one_mask_a_clip_and_all_frames_take_part():
    """Masks count on frame 0 only, the similarity on all, and gradients reach all of them."""
    model = build().train()
    clips = [random_clip(annotated=(0,), seed=i) for i in range(2)]
    losses, grads = losses_and_gradients(model, clips)
    assert losses['loss_sim'] > 0 and all(loss > 0 for loss in losses.values())
    for name, grad in grads.items():
        largest = grad.abs().max()
        assert largest.isfinite() and (largest < 1e-9) == (name in NO_GRADIENT), name

    outputs = run(model, clips, 'tensor')
    for logits in outputs.mask_logits:
        logits.retain_grad()
    data = [clip['data_samples'] for clip in clips]
    target = torch.cat([sample.gt_sem_seg.data for sample in data])
    annotated = torch.cat([sample.frame_annotated for sample in data])
    head = model.decode_head
    masks = {k: v for k, v in head.loss(outputs, target, annotated).items() if 'sim' not in k}
    sum(masks.values()).backward()
    for logits in outputs.mask_logits:
        reached = logits.grad.abs().amax((1, 2, 3)) > 0
        assert reached.tolist() == [True, False, False, False, False] * 2


def test_a_part_of_a_clip_is_refused():
    clip = annotated_frames(random_clip(annotated=(0,)))
    with pytest.raises(ValueError, match='has 1 of 5 frames, but the decode_head mixes'):
        run(build(), [clip], 'loss', training=True)


@pytest.mark.parametrize('kind', ['no object', 'no sound', 'no mask'])
def test_silence(kind):
    model = build().train()
    clips = [random_clip(seed=i, waveform=True) for i in range(2)]
    for clip in clips:
        if kind == 'no sound':
            clip['inputs']['audio'].zero_()
        elif kind == 'no object':
            clip['data_samples'].gt_sem_seg.data[1:3] = 0
        else:
            clip['data_samples'].gt_sem_seg.data.fill_(255)
            clip['data_samples'].frame_annotated.fill_(False)
    losses, grads = losses_and_gradients(model, clips)
    assert all(loss.isfinite() for loss in losses.values())
    assert (losses['loss_bce'] == 0) == (kind == 'no mask')
    assert set(grads) == {name for name, _ in model.named_parameters()}
    assert all(grad.isfinite().all() for grad in grads.values())


@torch.no_grad()
def test_predictions_are_those_of_a_binary_task():
    model = build().eval()
    sample = run(model, [random_clip()], 'predict')[0]
    logits = run(model, [random_clip()], 'tensor').logits[:, 0]
    assert torch.equal(sample.pred_scores.data, logits.sigmoid())
    assert torch.equal(sample.pred_sem_seg.data, (logits.sigmoid() > 0.5).long())

# Copyright (c) mmavs developers. All rights reserved.
"""RAVS as a whole: clips of several lengths in a batch, silence, half precision, its ablations."""

import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.testing.tiny import annotated_frames, random_clip, tiny_ravs

HEAD_NORM = dict(type='GN', num_groups=4)
"""dict: A norm that does not mix the frames of a batch."""
BASELINE = dict(merging=dict(type='CrossAttentionFusion', num_heads=4), num_groups=None)
FILTERED = dict(
    merging=dict(type='CrossAttentionFusion', num_heads=4, filter_silent=True), num_groups=None
)
LADDER = {
    'baseline': (BASELINE, dict(loss_group=None, temporal=None, refinement=None)),
    'gtf': (FILTERED, dict(loss_group=None, temporal=None, refinement=None)),
    'sgsm': ({}, dict(loss_group=None, temporal=None, refinement=None)),
    'ama': ({}, dict(temporal=None, refinement=None)),
    'ravs': ({}, {}),
    'clip_keys': (dict(merging=dict(type='SoundGuidedMerging', num_heads=4, keys='clip')), {}),
}
"""dict: Table 3 of the paper, and sounds of the whole clip: changes of the fusion, of the head."""


def build(rung='ravs', num_classes=3, **settings):
    torch.manual_seed(0)
    config = tiny_ravs(num_classes)
    fusion, head = LADDER[rung]
    config['fusion'].update(fusion)
    config['decode_head'].update(head)
    config['decode_head']['decoder']['norm_cfg'] = HEAD_NORM
    model = MODELS.build(dict(config, **settings))
    model.init_weights()
    torch.nn.init.normal_(model.decode_head.mask_head.weight)
    for merge in model.fusion.merges.values():  # what is not trained hears next to nothing
        torch.nn.init.normal_(merge.audio_proj.weight, std=30)
    return model


def clip(frames, seed, num_classes=3, annotated=None):
    return random_clip(frames, num_classes=num_classes, annotated=annotated, seed=seed)


def run(model, clips, mode, training=False):
    data = model.data_preprocessor(pseudo_collate(clips), training)
    return model(**data, mode=mode)


@pytest.mark.parametrize('rung', LADDER)
@torch.no_grad()
def test_clips_of_5_and_10_frames_predict_as_one_by_one(rung):
    model = build(rung).eval()
    both = run(model, [clip(5, 0), clip(10, 1)], 'tensor').logits.unflatten(0, (2, 10))
    for i, frames in enumerate((5, 10)):
        alone = run(model, [clip(frames, i)], 'tensor').logits
        assert torch.allclose(both[i, :frames], alone, atol=1e-4)
        assert alone.std() > 0.1 and both[i, frames:].abs().sum() == 0
    other = clip(5, 0)
    other['inputs']['audio'] = 100 * other['inputs']['audio']
    assert not torch.allclose(run(model, [other], 'tensor').logits, both[0, :5], atol=1e-2)


@pytest.mark.parametrize('compute_padded_frames', [False, True])
@pytest.mark.parametrize('rung', LADDER)
def test_clips_of_5_and_10_frames_train_as_one_by_one(rung, compute_padded_frames):
    """Means over frames and pixels: of 15 frames one by one those of 5 and 10, by their share.

    The contrast counts frames with groups of both kinds, so each clip weighs by their number.
    """
    model = build(rung, train_cfg=dict(compute_padded_frames=compute_padded_frames)).train()
    model.audio_encoder.eval()
    clips = [clip(5, 0), clip(10, 1)]
    weights = torch.tensor([5.0, 10.0])
    alone = [run(model, [one], 'loss', training=True) for one in clips]
    together = run(model, clips, 'loss', training=True)
    assert together.keys() == alone[0].keys()
    for name, value in together.items():
        parts = torch.stack([one[name] for one in alone])
        if name == 'loss_group':
            continue
        assert torch.allclose(value, (parts * weights).sum() / 15, rtol=1e-4), name
    if 'loss_group' in together:
        counts = torch.tensor([float(scored_frames(model, one)) for one in clips])
        parts = torch.stack([one['loss_group'] for one in alone])
        expected = (parts * counts).sum() / counts.sum()
        assert counts.sum() > 0
        assert torch.allclose(together['loss_group'], expected, rtol=1e-3)


def scored_frames(model, one):
    """Frames whose groups answer in both ways."""
    merge = run(model, [one], 'tensor', training=True).aux['merges'][-1]
    cosines = torch.cosine_similarity(merge.groups, merge.audio[:, None], dim=-1)
    return ((cosines > 0).any(1) & (cosines < 0).any(1)).sum()


@pytest.mark.parametrize('annotated', [None, (0,), ()], ids=['all', 'first', 'none'])
@pytest.mark.parametrize('silent', [False, True], ids=['loud', 'silent'])
@pytest.mark.parametrize('rung', LADDER)
def test_losses_reach_every_parameter(rung, annotated, silent):
    """As DDP needs it without find_unused_parameters."""
    model = build(rung).train()
    clips = [clip(2, i, annotated=annotated) for i in range(2)]
    for one in clips:
        label = one['data_samples'].gt_sem_seg.data
        if silent:
            label[label < 255] = 0
            one['inputs']['audio'].zero_()
    losses = run(model, clips, 'loss', training=True)
    sum(losses.values()).backward()
    unreached = [name for name, p in model.named_parameters() if p.grad is None]
    assert not unreached
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert all(value.isfinite() for value in losses.values())
    if annotated == ():
        assert all(value == 0 for name, value in losses.items() if name != 'loss_group')


def test_half_precision_is_near_and_losses_are_float32():
    model, clips = build().train(), [clip(3, i) for i in range(2)]
    expected = run(model, clips, 'loss', training=True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = run(model, clips, 'loss', training=True)
        sum(found.values()).backward()
    assert all(value.dtype == torch.float32 for value in found.values())
    # bfloat16 rounds by 2**-8; tokens may change their group, so the contrast is not compared
    for name in expected.keys() - {'loss_group'}:
        assert torch.allclose(found[name], expected[name], rtol=0.05), name
    assert all(p.grad.isfinite().all() for p in model.parameters())


@torch.no_grad()
def test_what_pictures_read():
    model = build().eval()
    outputs = run(model, [clip(2, 0), clip(3, 1)], 'tensor')
    assert outputs.aux['uncertainty'].shape == (6, 3, 16, 24)
    assert len(outputs.aux['merges']) == 3
    assert [merge.assignment.shape for merge in outputs.aux['merges']] == [
        (6, 16, 24),
        (6, 8, 12),
        (6, 4, 6),
    ]


@torch.no_grad()
def test_a_binary_task_scores_and_cuts_at_the_threshold():
    model = build(num_classes=2).eval()
    (sample,) = run(model, [clip(2, 0, num_classes=2)], 'predict')
    scores, mask = sample.pred_scores.data, sample.pred_sem_seg.data
    assert scores.shape == mask.shape == (2, 64, 96) and scores.min() >= 0 and scores.max() <= 1
    assert torch.equal(mask, (scores > 0.5).long())


def test_part_of_a_clip_is_refused_only_where_frames_mix():
    part = annotated_frames(clip(3, 0, annotated=(0,)))
    with pytest.raises(ValueError, match='has 1 of 3 frames'):
        run(build(), [part], 'loss', training=True)
    run(build('ama'), [part], 'loss', training=True)

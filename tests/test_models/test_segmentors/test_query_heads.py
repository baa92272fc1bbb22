# Copyright (c) mmavs developers. All rights reserved.
"""What the segmentor makes of a head of queries: scores, padding, labels of the sound."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from toy_query_head import query_model

from mmavs.testing.tiny import random_clip


def run(model, clips, mode, training=False):
    return model(**model.data_preprocessor(pseudo_collate(clips), training), mode=mode)


@torch.no_grad()
def test_predict_resizes_cropped_scores_and_takes_their_softmax():
    """As vct.md, section 7 and 8: scores, not masks, are resized; then softmax, channel 1."""
    model = query_model()
    clip = random_clip(size=(50, 70))
    sample = clip['data_samples']
    sample.gt_sem_seg = type(sample.gt_sem_seg)(data=torch.zeros(5, 28, 30, dtype=torch.long))
    found = run(model, [clip], 'predict')[0]

    outputs = run(model, [random_clip(size=(50, 70))], 'tensor')
    scores = model.decode_head.semantic_scores(outputs, (64, 96))[..., :50, :70]
    scores = F.interpolate(scores, (28, 30), mode='bilinear', align_corners=False)
    first, second = scores.exp().unbind(1)
    expected = second / (first + second)
    assert torch.allclose(found.pred_scores.data, expected, atol=1e-6)
    assert torch.equal(found.pred_sem_seg.data, (found.pred_scores.data > 0.5).long())

    middle = expected.median().item()  # at 0.5 all pixels could be alike
    model.test_cfg['threshold'] = middle
    found = run(model, [clip], 'predict')[0]
    assert torch.equal(found.pred_sem_seg.data, (found.pred_scores.data > middle).long())
    assert 0 < found.pred_sem_seg.data.float().mean() < 1


@torch.no_grad()
def test_more_classes_take_the_largest_score():
    model = query_model(num_classes=4)
    found = run(model, [random_clip(num_classes=4)], 'predict')[0]
    outputs = run(model, [random_clip(num_classes=4)], 'tensor')
    scores = model.decode_head.semantic_scores(outputs, (64, 96))
    assert torch.equal(found.pred_sem_seg.data, scores.argmax(1))
    assert 'pred_scores' not in found


@torch.no_grad()
def test_tensor_mode_gives_what_belongs_to_queries():
    outputs = run(query_model(), [random_clip()], 'tensor')
    assert outputs.logits is None
    assert outputs.cls_scores[0].shape == (5, 2, 3)
    assert outputs.mask_logits[0].shape == (5, 2, 16, 24)


@torch.no_grad()
def test_padded_clips_equal_one_by_one():
    model = query_model()
    clips = [random_clip(5, seed=1), random_clip(3, seed=2)]
    both = run(model, clips, 'tensor')
    for rows, (frames, seed) in ((slice(5), (5, 1)), (slice(5, 8), (3, 2))):
        alone = run(model, [random_clip(frames, seed=seed)], 'tensor')
        assert torch.allclose(both.mask_logits[0][rows], alone.mask_logits[0], atol=1e-5)
    assert both.mask_logits[0][8:].abs().max() == 0
    assert both.cls_scores[0].shape[0] == both.aux['mask_feature'].shape[0] == 10
    assert torch.equal(both.aux['prototypes'], model.decode_head.prototypes)
    assert both.aux['layout'].to_clips(both.mask_logits[0]).shape[:2] == (2, 5)

    predicted = run(model, [random_clip(5, seed=1), random_clip(3, seed=2)], 'predict')[1]
    alone = run(model, [random_clip(3, seed=2)], 'predict')[0]
    assert torch.allclose(predicted.pred_scores.data[:3], alone.pred_scores.data, atol=1e-5)


@pytest.mark.parametrize('who', ['all', 'one', 'none'])
def test_head_is_told_what_sounds_where_all_clips_say_it(who):
    model = query_model()
    clips = [random_clip(5, seed=1), random_clip(3, seed=2)]
    labels = [torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.0])]
    for clip, label in list(zip(clips, labels))[: dict(all=2, one=1, none=0)[who]]:
        clip['data_samples'].gt_audio_labels = label
    run(model, clips, 'loss', training=True)
    target, annotated, found = model.decode_head.asked[0]
    assert len(target) == len(annotated) == 8
    if who == 'all':
        assert torch.equal(found, torch.stack([labels[0]] * 5 + [labels[1]] * 3))
    else:
        assert found is None

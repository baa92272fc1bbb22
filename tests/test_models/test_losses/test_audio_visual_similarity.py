# Copyright (c) mmavs developers. All rights reserved.
"""L_sim against eq. 7 and 8 of AQFormer, pair by pair."""

import pytest
import torch
import torch.nn.functional as F
from clips import clip_layout, rows_of

from mmavs.models.losses import AudioVisualSimilarity

LENGTHS = (2, 3, 1)
LAYOUT, ROWS = clip_layout(*LENGTHS), sum(LENGTHS)


def draw(rows=ROWS, layers=2):
    torch.manual_seed(0)
    queries = [torch.randn(rows, 4, requires_grad=True) for _ in range(layers)]
    maps = [torch.randn(rows, 4, 2 << i, 3 << i, requires_grad=True) for i in range(layers)]
    logits = [torch.randn(rows, 1, 8, 12, requires_grad=True) for _ in range(layers)]
    return queries, maps, logits


def cosine(one, other):
    return (one @ other) / (one.norm() * other.norm())


def plain(queries, maps, logits, reduction='mean', mask='own', detach_mask=True):
    """Of each clip: the sum over layers of the mean or sum over its pairs; their mean."""
    clips = []
    for clip in range(len(LENGTHS)):
        total = torch.zeros((), dtype=torch.float64)
        for layer, feature in enumerate(maps):
            prediction = logits[layer if mask == 'own' else -1].double().sigmoid()
            if detach_mask:
                prediction = prediction.detach()
            audio, visual = {}, {}
            for t in rows_of(LAYOUT, clip):
                small = F.interpolate(prediction[t : t + 1], feature.shape[-2:], mode='bilinear')
                pixels = [
                    feature[t, :, y, x].double() * small[0, 0, y, x]
                    for y in range(feature.shape[2])
                    for x in range(feature.shape[3])
                ]
                audio[t], visual[t] = queries[layer][t].double(), sum(pixels) / len(pixels)
            terms = [
                (cosine(audio[p], audio[q]) - cosine(visual[p], visual[q])).abs()
                for p in audio
                for q in audio
                if p != q  # the others are 0
            ]
            if terms:
                total = total + sum(terms) / (len(terms) if reduction == 'mean' else 1)
        clips.append(total)
    return sum(clips) / len(clips)


@pytest.mark.parametrize(
    'options',
    [{}, dict(reduction='sum'), dict(mask='last'), dict(detach_mask=False)],
)
def test_values_and_gradients_are_those_of_the_pairs(options):
    inputs = draw()
    leaves = [x for group in inputs for x in group]
    found = AudioVisualSimilarity(loss_weight=2.0, **options)(*inputs, LAYOUT)
    expected = 2 * plain(*inputs, **options)
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)
    settings = dict(allow_unused=True, materialize_grads=True)
    ours, theirs = (torch.autograd.grad(loss, leaves, **settings) for loss in (found, expected))
    for one, other in zip(ours, theirs):
        assert torch.allclose(one, other, atol=1e-6)
    through_masks = max(grad.abs().max() for grad in ours[-2:])
    assert (through_masks > 1e-6) == (options.get('detach_mask') is False)


def test_gradcheck():
    loss, layout = AudioVisualSimilarity(), clip_layout(3)
    torch.manual_seed(0)
    pooled = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    queries = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda *x: loss.layer_loss(*x, layout), (queries, pooled))


def test_a_frame_with_an_empty_mask_has_no_pair():
    queries, maps, logits = draw(rows=3, layers=1)
    logits[0].data[1] = -1e4
    layout = clip_layout(3)
    loss = AudioVisualSimilarity()(queries, maps, logits, layout)
    loss.backward()
    assert loss > 0
    for leaf in (queries[0], maps[0]):
        assert leaf.grad.isfinite().all()
        assert leaf.grad[1].abs().max() == 0 < leaf.grad[[0, 2]].abs().max()
    two = [[x[0][[0, 2]]] for x in (queries, maps, logits)]
    alone = AudioVisualSimilarity()(*two, clip_layout(2))
    assert loss.item() == pytest.approx(alone.item(), abs=1e-6)


@pytest.mark.parametrize('lengths', [(1,), (1, 1)])
def test_single_frames_have_no_pair(lengths):
    queries, maps, logits = draw(rows=len(lengths))
    value = AudioVisualSimilarity()(queries, maps, logits, clip_layout(*lengths))
    value.backward()
    assert value == 0
    assert all((x.grad == 0).all() for x in (*queries, *maps))


def test_autocast_does_not_change_the_loss():
    inputs = [[x.detach().bfloat16() for x in group] for group in draw()]
    expected = AudioVisualSimilarity()(*[[x.float() for x in g] for g in inputs], LAYOUT)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = AudioVisualSimilarity()(*inputs, LAYOUT)
    assert found.dtype == torch.float32 and found.item() == expected.item()


@pytest.mark.parametrize('choice', [dict(reduction='max'), dict(mask='first')])
def test_unknown_choices(choice):
    (name,) = choice
    with pytest.raises(ValueError, match=f'{name} must be one of'):
        AudioVisualSimilarity(**choice)

# Copyright (c) mmavs developers. All rights reserved.
"""VCP against equation 6, and unlabelled pixels in the criterion that it shares."""

import pytest
import torch
import torch.nn.functional as F
from mmdet.registry import TASK_UTILS as MMDET_TASK_UTILS
from mmengine.structures import InstanceData

from mmavs.models.losses import mask_matching
from mmavs.registry import MODELS, TASK_UTILS
from mmavs.structures import IGNORE_INDEX

K, SIZE = 4, (4, 6)
CLASSES = torch.tensor([[1, 2], [3, -1], [-1, -1]])
FOCAL = dict(type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=5.0)


def criterion(**kwargs):
    return dict(
        type='MaskMatchingCriterion',
        num_classes=K,
        loss_mask=FOCAL,
        num_points=SIZE[0] * SIZE[1],
        assigner=dict(
            type='BatchedHungarianAssigner',
            match_costs=[
                dict(type='BatchedClassificationCost', weight=2.0),
                dict(type='BatchedFocalLossCost', weight=5.0),
                dict(type='BatchedDiceCost', weight=5.0),
            ],
        ),
        **kwargs,
    )


def build(loss_weight=1.0, **kwargs):
    settings = dict(ignore_unlabelled=True, **kwargs)
    return MODELS.build(
        dict(type='ConditionalPromptLoss', criterion=criterion(**settings), loss_weight=loss_weight)
    )


def centres():
    """(P, 2): the middle of every pixel."""
    height, width = SIZE
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    return torch.stack([(x + 0.5) / width, (y + 0.5) / height], -1).view(-1, 2)


@pytest.fixture
def every_pixel(monkeypatch):
    """All points are middles of pixels, so sampling reads the maps as they are."""
    monkeypatch.setattr(
        mask_matching,
        'get_uncertain_point_coords_with_randomness',
        lambda logits, *_: centres().expand(len(logits), -1, -1),
    )
    monkeypatch.setattr(
        torch, 'rand', lambda *shape, **_: centres().expand(shape[0], -1, -1).clone()
    )


def data():
    """Two predictions for 2 prompts of 3 frames."""
    torch.manual_seed(0)
    scores = [torch.randn(3, 2, K + 1, requires_grad=True) for _ in range(2)]
    masks = [torch.randn(3, 2, *SIZE, requires_grad=True) for _ in range(2)]
    target = torch.randint(0, K, (3, *SIZE))
    target[0, :2], target[1, 0, 0] = IGNORE_INDEX, IGNORE_INDEX
    return scores, masks, target


def plain(scores, masks, target):
    """Cross-entropy, focal loss and Dice in float64, a prompt and a pixel at a time."""
    total = 0.0
    prompts = [(0, 0), (0, 1), (1, 0)]
    for score, mask in zip(scores, masks):
        for frame, slot in prompts:
            label = int(CLASSES[frame, slot])
            powers = score[frame, slot].double().exp()
            total = total - 2 * torch.log(powers[label] / powers.sum()) / 3
            focal, overlap, area = 0.0, 0.0, 0.0
            for y in range(SIZE[0]):
                for x in range(SIZE[1]):
                    if target[frame, y, x] == IGNORE_INDEX:
                        continue
                    p = 1 / (1 + torch.exp(-mask[frame, slot, y, x].double()))
                    inside = target[frame, y, x] == label
                    truth = p if inside else 1 - p
                    weight = 0.25 if inside else 0.75
                    focal = focal - weight * (1 - truth) ** 2 * torch.log(truth)
                    overlap = overlap + p * inside
                    area = area + p + inside
            total = total + 5 * focal / (SIZE[0] * SIZE[1]) / 3
            total = total + 5 * (1 - (2 * overlap + 1) / (area + 1)) / 3
    return total


def test_is_eq_6(every_pixel):
    scores, masks, target = data()
    losses = build(loss_weight=0.5)(scores, masks, CLASSES, target)
    assert set(losses) == {
        f'{prefix}loss_{name}' for prefix in ('', 'd0.') for name in ('cls', 'mask', 'dice')
    }
    total, expected = sum(losses.values()), 0.5 * plain(scores, masks, target)
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    inputs = [*scores, *masks]
    ours, theirs = (torch.autograd.grad(x, inputs) for x in (total, expected))
    for a, b in zip(ours, theirs):
        assert (a - b).abs().max() < 1e-6
        assert (a[CLASSES < 0] == 0).all()
    masked = target[:, None].expand(-1, 2, -1, -1) == IGNORE_INDEX
    assert (ours[2][masked] == 0).all()


def test_prompts_answer_for_their_class_alone(every_pixel):
    """Nothing is matched: prompts that gave each other's answer are not taken for right."""
    target = torch.zeros(1, *SIZE, dtype=torch.long)
    target[0, :, 3:] = 1
    target[0, 0, 0] = 2
    classes = torch.tensor([[1, 2]])
    right = torch.stack([10.0 * (2 * (target[0] == c).float() - 1) for c in (1, 2)])[None]
    scores = 10 * F.one_hot(classes, K + 1).float()
    good = build()([scores], [right], classes, target)
    swapped = build()([scores.flip(1)], [right.flip(1)], classes, target)
    assert sum(good.values()) < 0.01
    assert swapped['loss_cls'] > 10
    assert swapped['loss_mask'] > 1


@pytest.mark.parametrize('nothing', ['prompts', 'frames', 'slots'])
def test_no_prompt(nothing):
    scores, masks, target = data()
    classes = CLASSES
    if nothing == 'prompts':
        classes = torch.full_like(CLASSES, -1)
    if nothing == 'frames':
        classes, target = classes[:0], target[:0]
        cut = [[x[:0] for x in part] for part in (scores, masks)]
    elif nothing == 'slots':
        classes = classes[:, :0]
        cut = [[x[:, :0] for x in part] for part in (scores, masks)]
    else:
        cut = [scores, masks]
    losses = build()(*cut, classes, target)
    assert all(loss.item() == 0 for loss in losses.values())
    sum(losses.values()).backward()
    assert all((x.grad == 0).all() for x in (*scores, *masks))


def test_a_class_that_the_frame_does_not_show(every_pixel):
    """Its mask is empty; nothing becomes NaN."""
    scores, masks, target = data()
    target = torch.where(target == 3, 0, target)
    losses = build()(scores, masks, CLASSES, target)
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize('ignore', [True, False])
def test_unlabelled_pixels_of_matched_queries(every_pixel, ignore):
    """What is predicted at a pixel without a label changes costs and losses only if it counts."""
    scores, masks, target = data()
    build_criterion = MODELS.build(criterion(ignore_unlabelled=ignore))
    changed = [x + 3.0 * (target[:, None] == IGNORE_INDEX) for x in masks]
    results, costs = [], []
    for predicted in (masks, changed):
        losses, matches = build_criterion.matched_losses(scores, predicted, target)
        targets = mask_matching.split_labels(target, K)
        costs.append(build_criterion._costs(scores[0], predicted[0], targets))
        results.append(torch.stack([*losses.values()]))
    assert torch.allclose(*results) == ignore
    assert torch.allclose(*costs) == ignore


def test_nothing_changes_where_all_is_labelled():
    scores, masks, target = data()
    target[target == IGNORE_INDEX] = 1
    found = []
    for ignore in (True, False):
        torch.manual_seed(1)
        built = MODELS.build(criterion(ignore_unlabelled=ignore))
        found.append(torch.stack([*built(scores, masks, target).values()]))
    assert torch.equal(*found)


def test_focal_cost_is_that_of_mmdet_frame_by_frame():
    torch.manual_seed(0)
    logits, masks = 3 * torch.randn(2, 5, 30), torch.randint(0, 2, (2, 3, 30)).float()
    ours = TASK_UTILS.build(dict(type='BatchedFocalLossCost', weight=5.0))
    theirs = MMDET_TASK_UTILS.build(dict(type='FocalLossCost', binary_input=True, weight=5.0))
    found = ours(InstanceData(masks=logits), InstanceData(masks=masks))
    for frame in range(2):
        expected = theirs(InstanceData(masks=logits[frame]), InstanceData(masks=masks[frame]))
        assert torch.allclose(found[frame], expected, atol=1e-5)
    sure = ours(InstanceData(masks=torch.full((1, 4), -1e4)), InstanceData(masks=torch.zeros(1, 4)))
    assert sure.item() == 0

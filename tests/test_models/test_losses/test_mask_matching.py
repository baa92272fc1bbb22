# Copyright (c) mmavs developers. All rights reserved.
"""The criterion of query heads against the official ones, and against plain formulas."""

import pytest
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from criterion_goldens import (
    LAYERS,
    NUM_FRAMES,
    golden,
    grid_draws,
    label_maps,
    predictions,
    replayed_draws,
)
from mmdet.registry import TASK_UTILS as MMDET_TASK_UTILS
from mmengine.structures import InstanceData

from mmavs.models.losses import MaskMatchingCriterion
from mmavs.models.losses.frame_targets import split_labels
from mmavs.registry import MODELS, TASK_UTILS
from mmavs.structures import IGNORE_INDEX
from mmavs.utils.query_assignments import listen, stop_listening, take_assignments

TOLERANCE = 1e-5
OFFICIAL = {'loss_cls': 'loss_ce', 'loss_mask': 'loss_mask', 'loss_dice': 'loss_dice'}
PREFIXES = {'d0.': '_0', 'd1.': '_1', '': ''}
"""dict: Of ours, and what stands behind the official names."""


def build(num_classes, **kwargs):
    return MODELS.build(dict(type='MaskMatchingCriterion', num_classes=num_classes, **kwargs))


def run(case, mode, monkeypatch, **kwargs):
    """Criterion, predictions, targets and losses of a golden."""
    arrays, manifest = golden(case)
    scores, masks = predictions(case)
    target, annotated = label_maps(case, manifest)
    if mode == 'grid':
        draw = grid_draws()
        kwargs.update(oversample_ratio=1.0, importance_sample_ratio=0.0)
    else:
        draw = replayed_draws(case, manifest)
        kwargs.update(num_points=64)
    monkeypatch.setattr(torch, 'rand', draw)
    criterion = build(NUM_FRAMES[case][1], **kwargs)
    losses = criterion(scores, masks, target, annotated)
    return criterion, (scores, masks, target, annotated), losses, arrays, manifest


@pytest.mark.parametrize('mode', ['grid', 'replay'])
@pytest.mark.parametrize('case', NUM_FRAMES)
def test_losses_are_the_official_ones(case, mode, monkeypatch):
    *_, losses, arrays, manifest = run(case, mode, monkeypatch)
    assert len(losses) == 9
    weights, names = manifest['weight_dict'], manifest['modes'][mode]['loss_names']
    golden_losses = dict(zip(names, arrays[f'{mode}/losses'].tolist()))
    for name, official in OFFICIAL.items():
        for prefix, suffix in PREFIXES.items():
            expected = weights[official] * golden_losses[official + suffix]
            assert losses[prefix + name].item() == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize('mode', ['grid', 'replay'])
@pytest.mark.parametrize('case', NUM_FRAMES)
def test_matches_are_the_official_ones(case, mode, monkeypatch):
    criterion, (scores, masks, target, annotated), *_ = run(case, mode, monkeypatch)
    arrays, manifest = golden(case)
    draw = grid_draws() if mode == 'grid' else replayed_draws(case, manifest)
    monkeypatch.setattr(torch, 'rand', draw)
    targets = split_labels(target, criterion.num_classes, annotated)
    matches = criterion.match(scores, masks, targets)
    for layer, name in enumerate(LAYERS):
        found = matches.targets[layer]
        triples = torch.stack(
            [targets.frames[found], matches.queries[layer], targets.slots[found]], 1
        )
        assert triples.tolist() == arrays[f'{mode}/match_{name}'].tolist()
        labels = torch.full_like(matches.labels[layer], criterion.num_classes)
        labels[triples[:, 0], triples[:, 1]] = targets.labels[found]
        assert torch.equal(matches.labels[layer], labels)


def plain_losses(scores, masks, target, matched, points):
    """The official formulas for one frame after the other, at given points of every mask.

    Args:
        scores, masks: Of the frames that count, in float64.
        target: Their label maps.
        matched: Rows (frame, query, slot).
        points: (P, 2).
    """
    num_classes = scores.shape[-1] - 1
    classes = torch.full(scores.shape[:2], num_classes)
    bce, dice = 0.0, 0.0
    grid = (2 * points.double() - 1)[None, None]
    for frame, query, slot in matched:
        labels = target[frame].unique()
        label = labels[labels != IGNORE_INDEX][slot]
        classes[frame, query] = label
        goal = (target[frame] == label).double()
        x = F.grid_sample(masks[frame, query][None, None], grid, align_corners=False).flatten()
        t = F.grid_sample(goal[None, None], grid, align_corners=False).flatten()
        p = 1 / (1 + torch.exp(-x))
        bce = bce - (t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()
        dice = dice + 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    weight = scores.new_ones(num_classes + 1)
    weight[-1] = 0.1
    cross_entropy = F.cross_entropy(scores.flatten(0, 1), classes.flatten(), weight=weight)
    return 2 * cross_entropy + 5 * bce / len(matched) + 5 * dice / len(matched)


@pytest.mark.parametrize('case', ['losses_vct/avss', 'losses_vct/s4'])
def test_gradients_are_those_of_the_formulas(case, monkeypatch):
    _, (scores, masks, target, annotated), losses, arrays, _ = run(case, 'grid', monkeypatch)
    inputs = [*scores, *masks]
    ours = torch.autograd.grad(sum(losses.values()), inputs)
    points = grid_draws()(1, 12544, 2)[0]
    total = sum(
        plain_losses(
            scores[layer][annotated].double(),
            masks[layer][annotated].double(),
            target[annotated],
            arrays[f'grid/match_{name}'].tolist(),
            points,
        )
        for layer, name in enumerate(LAYERS)
    )
    theirs = torch.autograd.grad(total, inputs)
    assert total.item() == pytest.approx(sum(losses.values()).item(), rel=1e-5)
    for ours_of, theirs_of in zip(ours, theirs):
        assert (ours_of - theirs_of).abs().max() < 1e-5 * theirs_of.abs().max()


def test_annotated_frames_alone_are_the_same(monkeypatch):
    """``frames='annotated'`` gives the losses and gradients of whole clips."""
    case = 'losses_combo/s4'
    criterion, (scores, masks, target, annotated), losses, *_ = run(case, 'grid', monkeypatch)
    whole = torch.autograd.grad(sum(losses.values()), [*scores, *masks])
    few = [[x[annotated].detach().requires_grad_() for x in xs] for xs in (scores, masks)]
    again = criterion(*few, target[annotated])
    assert {k: v.item() for k, v in again.items()} == {k: v.item() for k, v in losses.items()}
    parts = torch.autograd.grad(sum(again.values()), [*few[0], *few[1]])
    for full, part in zip(whole, parts):
        assert torch.equal(full[annotated], part)
        assert (full[~annotated] == 0).all()


def test_autocast_does_not_change_the_losses(monkeypatch):
    criterion, inputs, losses, *_ = run('losses_vct/ms3', 'grid', monkeypatch)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        again = criterion(*inputs)
    assert all(value.dtype == torch.float32 for value in again.values())
    assert {k: v.item() for k, v in again.items()} == {k: v.item() for k, v in losses.items()}
    # Logits in half precision, as a head gives them under autocast, are computed with in float32.
    scores, masks, *rest = inputs
    half = [[x.detach().bfloat16() for x in xs] for xs in (scores, masks)]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        rounded = criterion(*half, *rest)
    exact = criterion(*[[x.float() for x in xs] for xs in half], *rest)
    assert {k: v.item() for k, v in rounded.items()} == {k: v.item() for k, v in exact.items()}


class TinyHead(torch.nn.Module):
    """Two predictions of 4 queries for 3 classes, each from parameters of its own."""

    def __init__(self, frames):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        shapes = [(frames, 4, 4)] * 2 + [(frames, 4, 6, 8)] * 2
        self.values = torch.nn.ParameterList(torch.randn(s, generator=generator) for s in shapes)

    def forward(self):
        return list(self.values[:2]), list(self.values[2:])


EMPTY = torch.full((3, 12, 16), IGNORE_INDEX)


@pytest.mark.parametrize(
    'target, annotated, masks_count',
    [
        (EMPTY, [True] * 3, False),  # frames without any target
        (EMPTY, [False] * 3, False),  # no frame counts
        (torch.zeros_like(EMPTY), [True] * 3, True),  # nothing but background
    ],
    ids=['no-target', 'not-annotated', 'background'],
)
def test_silent_frames(target, annotated, masks_count):
    head, criterion = TinyHead(3), build(3, num_points=16)
    losses = criterion(*head(), target, torch.tensor(annotated))
    assert sorted(losses) == [
        *(f'd0.loss_{name}' for name in ('cls', 'dice', 'mask')),
        *(f'loss_{name}' for name in ('cls', 'dice', 'mask')),
    ]
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(value.grad.isfinite().all() for value in head.parameters())
    assert (losses['loss_mask'] > 0) == (losses['d0.loss_dice'] > 0) == masks_count
    assert (losses['loss_cls'] > 0) == any(annotated)


def test_a_frame_without_target_teaches_no_object():
    head, criterion = TinyHead(3), build(3, num_points=16)
    scores, masks = head()
    losses = criterion(scores, masks, EMPTY)
    expected = -2 * scores[-1].log_softmax(-1)[..., -1].mean()
    assert torch.allclose(losses['loss_cls'], expected)


def test_more_targets_than_queries():
    target = torch.arange(6).repeat_interleave(2).repeat(2, 16, 1)
    scores, masks = [torch.randn(2, 4, 7)], [torch.randn(2, 4, 6, 8)]
    criterion = build(6, num_points=16)
    matches = criterion.match(scores, masks, split_labels(target, 6))
    assert matches.queries.tolist() == [[0, 1, 2, 3] * 2]
    for frame in range(2):
        assert len(matches.labels[0, frame].unique()) == 4
    losses = criterion(scores, masks, target)
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize(
    'ours, theirs',
    [
        (
            dict(type='BatchedClassificationCost', weight=2.0),
            dict(type='ClassificationCost', weight=2.0),
        ),
        (
            dict(type='BatchedCrossEntropyLossCost', weight=5.0),
            dict(type='CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
        ),
        (
            dict(type='BatchedDiceCost', weight=5.0, eps=0.5),
            dict(type='DiceCost', weight=5.0, eps=0.5, pred_act=True),
        ),
    ],
)
def test_costs_are_those_of_mmdet_frame_by_frame(ours, theirs):
    generator = torch.Generator().manual_seed(0)
    predicted = InstanceData(
        scores=torch.randn(3, 5, 7, generator=generator),
        masks=torch.randn(3, 5, 40, generator=generator) * 30,
    )
    truth = InstanceData(
        labels=torch.randint(0, 6, (3, 4), generator=generator),
        masks=torch.rand(3, 4, 40, generator=generator),
    )
    found = TASK_UTILS.build(ours)(predicted, truth)
    cost = MMDET_TASK_UTILS.build(theirs)
    for frame in range(3):
        one = [
            InstanceData(**{key: value[frame] for key, value in instances.items()})
            for instances in (predicted, truth)
        ]
        assert torch.allclose(found[frame], cost(*one), rtol=1e-5, atol=1e-5)
        assert torch.allclose(found[frame], TASK_UTILS.build(ours)(*one), atol=1e-5)


def test_whole_matching_is_that_of_mmdet(monkeypatch):
    """:class:`mmdet.HungarianAssigner` for each frame, with the same points."""
    case = 'losses_vct/avss'
    criterion, (scores, masks, target, annotated), *_ = run(case, 'grid', monkeypatch)
    targets = split_labels(target, 71, annotated)
    matches = criterion.match(scores[:1], masks[:1], targets)
    assigner = MMDET_TASK_UTILS.build(
        dict(
            type='HungarianAssigner',
            match_costs=[
                dict(type='ClassificationCost', weight=2.0),
                dict(type='CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
                dict(type='DiceCost', weight=5.0, pred_act=True, eps=1.0),
            ],
        )
    )
    grid = (2 * grid_draws()(1, 12544, 2) - 1)[:, None]
    for frame, row in enumerate(targets.chosen.tolist()):
        mine = targets.frames == frame
        if not mine.any():
            continue
        logits = F.grid_sample(masks[0][row][None], grid, align_corners=False)[0, :, 0]
        goals = targets.masks[mine].transpose(0, 1)
        goals = F.grid_sample(goals, grid, align_corners=False)[0, :, 0]
        result = assigner.assign(
            InstanceData(scores=scores[0][row].detach(), masks=logits.detach()),
            InstanceData(labels=targets.labels[mine], masks=goals),
        )
        expected = torch.where(result.gt_inds > 0, result.labels, 71)
        assert torch.equal(matches.labels[0, frame], expected)


def test_one_copy_for_all_frames_and_layers(monkeypatch):
    copies = []
    cpu = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, 'cpu', lambda x: copies.append(tuple(x.shape)) or cpu(x))
    run('losses_vct/ms3', 'grid', monkeypatch)
    # What the frames show, and the costs: 3 layers, 8 targets, 20 queries.
    assert copies == [(5, 257), (3, 8, 20)]


def test_matches_are_published():
    head, criterion = TinyHead(3), build(3, num_points=16)
    listen()
    criterion(*head(), torch.zeros(3, 12, 16, dtype=torch.long))
    ((labels, num_classes),) = take_assignments()
    stop_listening()
    assert num_classes == 3 and labels.shape == (3, 4)
    assert labels.sort(1).values.tolist() == [[0, 3, 3, 3]] * 3


def test_class_weight_is_an_argument():
    scores, masks = TinyHead(3)()
    target = torch.ones_like(EMPTY)
    weights = [1.0, 2.0, 0.5, 0.25]
    loss_cls = dict(type='mmdet.CrossEntropyLoss', class_weight=weights)
    criterion = build(3, num_points=16, loss_cls=loss_cls)
    torch.manual_seed(0)
    found = criterion(scores, masks, target)['loss_cls']
    torch.manual_seed(0)
    labels = criterion.match(scores, masks, split_labels(target, 3)).labels[-1]
    expected = F.cross_entropy(
        scores[-1].flatten(0, 1), labels.flatten(), weight=torch.tensor(weights)
    )
    assert torch.allclose(found, expected)
    assert not criterion.state_dict()


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(num_points=0), 'num_points and oversample_ratio of at least 1'),
        (dict(oversample_ratio=0.5), 'got 12544, 0.5 and 0.75'),
        (dict(importance_sample_ratio=1.5), 'importance_sample_ratio from 0 to 1'),
        (
            dict(loss_cls=dict(type='mmdet.CrossEntropyLoss', class_weight=[1.0, 0.1])),
            'class_weight of loss_cls has 2 numbers, expected 4',
        ),
        (
            dict(
                assigner=dict(
                    type='BatchedHungarianAssigner', match_costs=[dict(type='mmdet.DiceCost')]
                )
            ),
            'DiceCost in match_costs takes one frame at a time',
        ),
    ],
)
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(3, **kwargs)


def test_what_does_not_fit():
    scores, masks = TinyHead(3)()
    with pytest.raises(ValueError, match='label 7, but num_classes of the criterion is 3'):
        build(3)(scores, masks, torch.full((3, 12, 16), 7))
    with pytest.raises(ValueError, match='class logits have 4 columns, expected 6'):
        build(5)(scores, masks, EMPTY)
    masks = [mask.detach() * float('nan') for mask in masks]
    with pytest.raises(ValueError, match='costs of the matching are not finite'):
        build(3, num_points=16)(scores, masks, torch.zeros_like(EMPTY))


def two_clips():
    """Frames of 1 and of 3 targets."""
    target = torch.zeros(2, 12, 16, dtype=torch.long)
    target[1, :4], target[1, 8:] = 1, 2
    return target


def _losses_of_a_share(rank: int, folder: str) -> None:
    torch.set_num_threads(1)  # the threads of the parent are not in a fork
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    torch.manual_seed(rank)
    scores, masks = TinyHead(2)()
    mine = slice(rank, rank + 1)
    losses = MaskMatchingCriterion(3, num_points=64)(
        [x[mine] for x in scores], [x[mine] for x in masks], two_clips()[mine]
    )
    torch.save({k: v.item() for k, v in losses.items()}, f'{folder}/{rank}.pt')
    torch.distributed.destroy_process_group()


def test_number_of_masks_is_the_mean_of_the_processes(tmp_path):
    """One process has 1 mask, the other 3: both divide by 2."""
    mp.start_processes(_losses_of_a_share, (str(tmp_path),), nprocs=2, start_method='fork')
    scores, masks = TinyHead(2)()
    for rank, masks_of in enumerate((1, 3)):
        torch.manual_seed(rank)
        mine = slice(rank, rank + 1)
        alone = MaskMatchingCriterion(3, num_points=64)(
            [x[mine] for x in scores], [x[mine] for x in masks], two_clips()[mine]
        )
        shared = torch.load(tmp_path / f'{rank}.pt', weights_only=True)
        for name, value in alone.items():
            factor = 1 if 'cls' in name else masks_of / 2
            assert shared[name] == pytest.approx(value.item() * factor, rel=1e-5)

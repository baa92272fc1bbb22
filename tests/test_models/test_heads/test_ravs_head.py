# Copyright (c) mmavs developers. All rights reserved.
"""The head of RAVS: its parts in order, its losses, what each switch leaves out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmavs.models.losses import CEDiceIoULoss
from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX, ClipLayout, SemanticMerge
from mmavs.testing.tiny import tiny_ravs

FRAMES = torch.tensor([1, 1, 0, 1, 1, 1], dtype=torch.bool)
"""Tensor: Clips of two and of three frames."""


class ToyContrast(nn.Module):
    """The mean of the groups of the frames that count."""

    def forward(self, merge, rows=None):
        groups = merge.groups if rows is None else merge.groups[rows]
        return groups.sum() / max(1, len(groups))


def build(num_classes=3, **settings):
    torch.manual_seed(0)
    config = {**tiny_ravs(num_classes)['decode_head'], 'loss_group': None, **settings}
    head = MODELS.build(config)
    head.init_weights()
    return head


def feats(requires_grad=False):
    generator = torch.Generator().manual_seed(1)
    sizes = {8: (8, 12), 16: (4, 6), 32: (2, 3), 64: (1, 2)}
    return [
        torch.randn(5, c, *size, generator=generator).requires_grad_(requires_grad)
        for c, size in sizes.items()
    ]


def labels(num_classes=3):
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, num_classes, (5, 32, 48), generator=generator)


def merges():
    groups = torch.arange(5.0)[:, None, None].expand(5, 2, 4).clone().requires_grad_()
    last = SemanticMerge(None, None, groups, None)
    return [None, last]


LAYOUT = ClipLayout(3, FRAMES)
ALL = torch.ones(5, dtype=torch.bool)


def test_outputs_are_the_parts_in_their_order():
    head, maps = build().eval(), feats()
    outputs = head(maps, None, LAYOUT)
    feature = head.temporal(head.reduce(head.decoder(maps)), LAYOUT)
    raw, evidence = head.mask_head(feature), head.uncertainty_head(feature)
    uncertainty = head.refinement.estimate(evidence)
    assert torch.equal(outputs.aux['uncertainty'], uncertainty)
    assert uncertainty.shape == (5, 3, 8, 12) and uncertainty.min() == 0 and uncertainty.max() == 1
    large = [
        F.interpolate(x, (32, 48), mode='bilinear', align_corners=True) for x in (raw, uncertainty)
    ]
    assert torch.allclose(outputs.aux['raw_logits'], large[0])
    paper = large[0].softmax(1) / (large[1] + 0.05)
    assert torch.allclose(outputs.logits.softmax(1), paper / paper.sum(1, keepdim=True), atol=1e-6)


def test_losses_are_those_of_both_predictions_on_annotated_frames():
    head = build(raw_weight=0.5).train()
    annotated, target = torch.tensor([True, False, True, True, False]), labels()
    target[~annotated] = IGNORE_INDEX
    outputs = head(feats(), None, LAYOUT)
    losses = head.loss(outputs, target, annotated)
    objective = CEDiceIoULoss()
    expected = {
        f'loss_{k}': v for k, v in objective(outputs.logits[annotated], target[annotated]).items()
    }
    raw = objective(outputs.aux['raw_logits'][annotated], target[annotated])
    expected |= {f'loss_raw_{k}': 0.5 * v for k, v in raw.items()}
    assert losses.keys() == expected.keys()
    assert all(torch.allclose(losses[name], value) for name, value in expected.items())


@pytest.mark.parametrize('annotated', [ALL, ~ALL, torch.tensor([1, 0, 0, 0, 0]).bool()], ids=str)
@pytest.mark.parametrize('silent', [False, True])
def test_every_parameter_is_reached(annotated, silent):
    head, maps, merge = build(), feats(True), merges()
    head.loss_group = ToyContrast()
    target = torch.where(annotated[:, None, None], labels() * (not silent), IGNORE_INDEX)
    outputs = head(maps, None, LAYOUT)
    outputs.aux['merges'] = merge
    losses = head.loss(outputs, target, annotated)
    sum(losses.values()).backward()
    gradients = [x.grad for x in (*head.parameters(), *maps, merge[-1].groups)]
    assert all(grad is not None and grad.isfinite().all() for grad in gradients)
    total = sum(grad.abs().sum() for grad in gradients[:-1])
    assert (total > 0) == annotated.any()
    if not annotated.any():
        assert all(value == 0 for name, value in losses.items() if name != 'loss_group')


@pytest.mark.parametrize(
    ('switches', 'missing', 'names'),
    [
        (dict(temporal=None), 'temporal', 6),
        (dict(refinement=None), 'uncertainty', 3),
        (dict(raw_weight=0), None, 3),
    ],
    ids=str,
)
def test_switches(switches, missing, names):
    head = build(**switches)
    assert head.mixes_frames == ('temporal' not in switches)
    assert missing is None or not any(missing in name for name, _ in head.named_parameters())
    outputs = head(feats(), None, LAYOUT)
    assert ('uncertainty' in outputs.aux) == ('refinement' not in switches)
    losses = head.loss(outputs, labels(), ALL)
    assert len(losses) == names
    sum(losses.values()).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_padded_rows_are_left_behind():
    head, maps = build().eval(), feats()
    everything = [torch.full((6, *x.shape[1:]), 7.0) for x in maps]
    for whole, part in zip(everything, maps):
        whole[FRAMES] = part
    found = head(everything, None, ClipLayout(3, FRAMES, has_padding=True))
    expected = head(maps, None, LAYOUT)
    assert torch.allclose(found.logits, expected.logits, atol=1e-5)
    assert found.aux['uncertainty'].shape == expected.aux['uncertainty'].shape


@pytest.mark.parametrize(
    ('group_frames', 'expected'), [('all', 16.0), ('annotated', 12.0), ('sounding', 16.0)]
)
def test_frames_of_the_group_contrast(group_frames, expected):
    """The groups of frame i are eight times i, and the last merge is read."""
    head = build(group_frames=group_frames)
    head.loss_group = ToyContrast()
    target, annotated = labels(), torch.tensor([False, True, True, False, False])
    target[~annotated] = IGNORE_INDEX
    target[1] = 0
    outputs = head(feats(), None, LAYOUT)
    outputs.aux['merges'] = merges()
    assert head.loss(outputs, target, annotated)['loss_group'] == expected


def test_errors():
    with pytest.raises(ValueError, match='num_classes of RAVSHead is 1, expected at least 2'):
        build(1)
    with pytest.raises(ValueError, match=r"set decode_head.refinement.divide='objects'"):
        build(2, refinement=dict(type='UncertaintyRefinement'))
    with pytest.raises(ValueError, match="group_frames must be one of .*, got 'some'"):
        build(group_frames='some')
    head = build()
    head.loss_group = ToyContrast()
    with pytest.raises(ValueError, match='loss_group reads the groups of model.fusion'):
        head.loss(head(feats(), None, LAYOUT), labels(), ALL)

# Copyright (c) mmavs developers. All rights reserved.
"""The second image stream: what it changes, what it must not, and what is refused."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from toy_query_head import query_model

from mmavs.testing.tiny import random_clip, tiny_avsegformer

BRANCH = dict(
    maskige_backbone=tiny_avsegformer()['backbone'],
    maskige_gate=dict(type='SiameseGate', channels=(8, 16, 32, 64), ratio=4),
)


def clip_with_maskige(frames=5, seed=0):
    clip = random_clip(frames, seed=seed)
    clip['inputs']['maskige'] = clip['inputs']['imgs'].flip(-1)
    return clip


def run(model, clips, mode, training=False):
    return model(**model.data_preprocessor(pseudo_collate(clips), training), mode=mode)


@torch.no_grad()
def test_head_gets_the_gated_sum_of_both_backbones():
    model = query_model(**BRANCH)
    inputs = model.data_preprocessor(pseudo_collate([clip_with_maskige()]))['inputs']
    found = model(inputs, None, mode='tensor').aux['mask_feature']
    frames = model.backbone(inputs['imgs'][0])[0]
    maskiges = model.maskige_backbone(inputs['maskige'][0])[0]
    gate = model.maskige_gate.gates[0](maskiges)
    assert torch.allclose(found, frames + gate * maskiges, atol=1e-6)
    assert (found - frames).abs().mean() > 1e-3


@torch.no_grad()
def test_padded_frames_are_skipped_in_both_streams():
    model = query_model(**BRANCH)
    seen = []
    model.maskige_backbone.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    both = run(model, [clip_with_maskige(5, 1), clip_with_maskige(3, 2)], 'tensor')
    assert seen == [8]
    alone = run(model, [clip_with_maskige(3, 2)], 'tensor')
    assert torch.allclose(both.mask_logits[0][5:8], alone.mask_logits[0], atol=1e-5)


def test_padded_frames_reach_both_backbones_where_training_asks_for_it():
    model = query_model(**BRANCH, train_cfg=dict(compute_padded_frames=True)).train()
    seen = []
    model.maskige_backbone.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    run(model, [clip_with_maskige(5, 1), clip_with_maskige(3, 2)], 'loss', training=True)
    assert seen == [10]
    assert len(model.decode_head.asked[0][0]) == 8


def test_the_finest_stage_of_the_branch_learns():
    """All that the toy head reads: the first map of either backbone and their gate."""
    model = query_model(**BRANCH)
    sum(run(model, [clip_with_maskige()], 'loss', training=True).values()).backward()
    branch = model.maskige_backbone
    for part in (branch.conv1, branch.layer1, model.backbone.layer1, model.maskige_gate.gates[0]):
        for name, parameter in part.named_parameters():
            assert parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_without_the_branch_a_maskige_is_not_read():
    model = query_model(maskige_backbone=None, maskige_gate=BRANCH['maskige_gate'])
    assert not any('maskige' in name for name in model.state_dict())
    outputs = run(model, [clip_with_maskige()], 'tensor')
    assert torch.equal(outputs.mask_logits[0], run(model, [random_clip()], 'tensor').mask_logits[0])


@torch.no_grad()
def test_missing_or_wrong_maskige_is_refused():
    model = query_model(**BRANCH)
    with pytest.raises(ValueError, match='LoadClipMaskiges.*maskige_path.*maskige_backbone=None'):
        run(model, [random_clip()], 'tensor')
    inputs = model.data_preprocessor(pseudo_collate([clip_with_maskige()]))['inputs']
    inputs['maskige'] = inputs['maskige'][:, :3]
    with pytest.raises(ValueError, match=r'found \(1, 3, 3, 64, 96\)'):
        model(inputs, None, mode='tensor')


def test_branch_without_gate_is_refused():
    with pytest.raises(ValueError, match='maskige_backbone needs model.maskige_gate'):
        query_model(maskige_backbone=BRANCH['maskige_backbone'])


def test_both_backbones_begin_with_one_file(tmp_path):
    source = query_model().backbone
    torch.save(source.state_dict(), tmp_path / 'r18.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'r18.pth'))
    backbone = dict(BRANCH['maskige_backbone'], init_cfg=init_cfg)
    model = query_model(backbone=backbone, **dict(BRANCH, maskige_backbone=dict(backbone)))
    assert not torch.equal(model.backbone.conv1.weight, model.maskige_backbone.conv1.weight)
    model.init_weights()
    for name, value in source.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], value), name
        assert torch.equal(model.maskige_backbone.state_dict()[name], value), name

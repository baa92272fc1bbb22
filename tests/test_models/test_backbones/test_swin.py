# Copyright (c) mmavs developers. All rights reserved.
"""Swin with the authors' ImageNet files: loaded as mmdet would, or refused."""

import pytest
import torch
from mmdet.models.backbones.swin import swin_converter

from mmavs.converters import convert, revert, swin_rules
from mmavs.registry import MODELS

TINY = dict(
    type='SwinTransformer', embed_dims=8, depths=(2, 2, 2, 2), num_heads=(1, 2, 2, 4), window_size=3
)


def imagenet_file():
    """A state dict of a tiny classifier by official names, as ``swin_*_22k.pth`` has it."""
    torch.manual_seed(0)
    ours = MODELS.build(TINY).state_dict()
    ours = {name: value for name, value in ours.items() if not name.startswith('norm')}
    for value in ours.values():
        if value.is_floating_point():
            value.normal_()
    official = revert(ours, swin_rules(ours='')).state_dict
    masks = {f'layers.{i}.blocks.1.attn_mask': torch.zeros(4, 9, 9) for i in range(3)}
    last = {f'norm.{part}': torch.zeros(64) for part in ('weight', 'bias')}
    head = {'head.weight': torch.zeros(10, 64), 'head.bias': torch.zeros(10)}
    return {**official, **masks, **last, **head}


def build(tmp_path, official, **config):
    torch.save({'model': official}, tmp_path / 'swin.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'))
    return MODELS.build(dict(TINY, init_cfg=init_cfg, **config))


def test_rules_agree_with_mmdet():
    official = imagenet_file()
    theirs = swin_converter(official)
    ours = convert(official, swin_rules()).state_dict
    assert len(ours) == len(MODELS.build(TINY).state_dict()) - 8  # norms behind the stages
    for name, value in ours.items():
        assert torch.equal(theirs[name], value), name
    back = revert(ours, swin_rules()).state_dict
    assert all(torch.equal(back[name], official[name]) for name in back)
    assert len(back) == len(ours)


def test_official_imagenet_file_loads(tmp_path):
    official = imagenet_file()
    model = build(tmp_path, official)
    model.init_weights()
    expected = convert(official, swin_rules(ours='')).state_dict
    for name, value in model.state_dict().items():
        if name.startswith('norm'):
            assert torch.equal(value, torch.full_like(value, float(name.endswith('weight')))), name
        else:
            assert torch.equal(value, expected[name]), name


def test_initial_values_without_a_file():
    model = MODELS.build(TINY)
    model.init_weights()
    weight = model.stages[2].blocks[0].ffn.layers[1].weight
    assert 0.01 < weight.std() < 0.03


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(window_size=4), r'of another shape.*bias_table'),
        (dict(depths=(2, 2, 4, 2)), 'missing'),
    ],
)
def test_another_network_is_refused(config, message, tmp_path):
    with pytest.raises(ValueError, match=rf'swin\.pth is another Swin .*{message}'):
        build(tmp_path, imagenet_file(), **config).init_weights()


def test_another_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"swin\.pth is no checkpoint of Swin.*'stages\.0\.a'"):
        build(tmp_path, {'stages.0.a': torch.zeros(1)}).init_weights()


def test_modes_can_be_chained():
    model = MODELS.build(TINY)
    assert not model.eval().training and model.train().training

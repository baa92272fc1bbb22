# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.converters import convert, pvt_rules, revert
from mmavs.registry import MODELS

TINY = dict(type='PVTv2', variant='b0')


def official_name(name):
    """timm's names to the official ones, written from the sheet's table."""
    parts = name.split('.')
    if parts[0] == 'patch_embed':
        return '.'.join(['patch_embed1', *parts[1:]])
    stage = int(parts[1]) + 1
    if parts[2] == 'downsample':
        return '.'.join([f'patch_embed{stage}', *parts[3:]])
    if parts[2] == 'norm':
        return f'norm{stage}.{parts[3]}'
    rest = ['dwconv', 'dwconv'] if parts[5] == 'dwconv' else [parts[5]]
    return '.'.join([f'block{stage}', parts[3], parts[4], *rest, *parts[6:]])


def test_strides_and_channels():
    model = MODELS.build(TINY).eval()
    maps = model(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (32, 16, 24),
        (64, 8, 12),
        (160, 4, 6),
        (256, 2, 3),
    ]


def test_official_imagenet_file_loads(tmp_path):
    source = MODELS.build(TINY)
    official = {official_name(k): v for k, v in source.state_dict().items()}
    official['head.weight'] = torch.zeros(1000, 256)
    torch.save(official, tmp_path / 'pvt_v2_b0.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'pvt_v2_b0.pth'))
    model = MODELS.build(dict(TINY, init_cfg=init_cfg))
    model.init_weights()
    for name, value in model.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name


def test_another_network_is_refused(tmp_path):
    torch.save(MODELS.build(TINY).state_dict(), tmp_path / 'b0.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'b0.pth'))
    model = MODELS.build(dict(type='PVTv2', variant='b1', init_cfg=init_cfg))
    with pytest.raises(RuntimeError, match='size mismatch'):
        model.init_weights()


def test_converter_agrees_with_timm():
    source = MODELS.build(TINY).state_dict()
    official = {official_name(k): v for k, v in source.items()}
    converted = convert({**official, 'head.weight': torch.zeros(1000, 256)}, pvt_rules()).state_dict
    assert set(converted) == {f'backbone.{name}' for name in source}
    assert all(torch.equal(converted[f'backbone.{k}'], v) for k, v in source.items())
    assert set(revert(converted, pvt_rules()).state_dict) == set(official)


def test_drop_path_rises_linearly():
    model = MODELS.build(dict(TINY, drop_path_rate=0.1))
    rates = [getattr(b.drop_path1, 'drop_prob', 0.0) for s in model.stages for b in s.blocks]
    assert rates == pytest.approx(torch.linspace(0, 0.1, len(rates)).tolist())

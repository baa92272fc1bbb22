# Copyright (c) mmavs developers. All rights reserved.
"""The backbones of VCT and COMBO against the official ones, through the converter's rules."""

import pytest
import torch
from mmengine.config import Config

from mmavs.converters import convert, detectron2_resnet_rules, pvt_rules, swin_rules
from mmavs.registry import MODELS
from mmavs.testing.goldens import fill_inputs, golden_error, golden_state_dict, load_golden

TOLERANCE = 1e-4
CASES = {
    'swinb_backbone_384': ('vct_swin-b_vggish_1xb8-45k_avss-384x384.py', swin_rules),
    'pvtv2b5_backbone_224': ('vct_pvt-v2-b5_vggish_1xb8-45k_avss-224x224.py', pvt_rules),
    'r50_backbone_224': ('vct_r50_vggish_1xb16-45k_avss-224x224.py', detectron2_resnet_rules),
}


@pytest.fixture
def backbone(root):
    """The backbone of the config of a case, as it ships."""

    def build(case):
        return MODELS.build(
            Config.fromfile(root / 'configs' / 'vct' / CASES[case][0]).model.backbone
        )

    return build


def position_index(window):
    """Which row of the bias table a pair of cells of a window reads, cell by cell."""
    cells = [(row, column) for row in range(window) for column in range(window)]
    return torch.tensor(
        [
            [(r - s + window - 1) * (2 * window - 1) + c - d + window - 1 for s, d in cells]
            for r, c in cells
        ]
    )


@pytest.mark.parametrize('case', CASES)
@torch.no_grad()
def test_backbone_equals_official(case, backbone):
    rules = CASES[case][1]
    arrays, manifest = load_golden(case)
    official = golden_state_dict(arrays, manifest)
    for name in official:
        if name.endswith('relative_position_index'):  # built in, so not filled by the manifest
            official[name] = position_index(window=12)
    converted = convert(official, rules('backbone.', '')).state_dict
    assert len(converted) == len(official)
    model = backbone(case)
    for name, value in model.state_dict().items():
        if name.endswith('relative_position_index'):
            assert torch.equal(converted[name], value)
    model.load_state_dict(converted, strict=True)
    model.eval()
    ((name, shape, _),) = manifest['inputs']
    maps = model(fill_inputs(name, shape))
    errors = {f'res{i}': golden_error(arrays, f'res{i}', m) for i, m in enumerate(maps, start=2)}
    assert max(errors.values()) < TOLERANCE, errors


def test_frozen_resnet_stays_frozen(backbone):
    """detectron2's FrozenBN: no gradient, no statistics, in training too."""
    model = backbone('r50_backbone_224')
    model.train()  # mmseg's returns None
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 53
    assert not any(norm.training or norm.weight.requires_grad for norm in norms)
    assert all(p.requires_grad for p in model.parameters() if p.dim() == 4)

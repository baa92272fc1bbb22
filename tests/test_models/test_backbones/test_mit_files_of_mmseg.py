# Copyright (c) mmavs developers. All rights reserved.
"""ImageNet files of MiT as mmseg distributes them."""

import pytest
import torch
from mmseg.models.backbones import MixVisionTransformer as MMSegMixVisionTransformer

from mmavs.models.backbones import MixVisionTransformer

SMALL = dict(embed_dims=8, num_layers=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))


@pytest.mark.parametrize('wrapped', [False, True])
@torch.no_grad()
def test_weights_are_loaded_as_they_are(tmp_path, wrapped):
    theirs = MMSegMixVisionTransformer(**SMALL).eval()
    state_dict = theirs.state_dict()
    torch.save(dict(state_dict=state_dict) if wrapped else state_dict, tmp_path / 'mit.pth')
    ours = MixVisionTransformer(
        **SMALL, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'mit.pth'))
    ).eval()
    ours.init_weights()
    for name, value in ours.state_dict().items():
        assert torch.equal(value, state_dict[name]), name
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for found, expected in zip(ours(images), theirs(images), strict=True):
        assert torch.allclose(found, expected, atol=1e-3)  # the epsilons of some norms differ

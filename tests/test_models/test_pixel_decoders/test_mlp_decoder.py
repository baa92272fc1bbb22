# Copyright (c) mmavs developers. All rights reserved.
"""The all-MLP decoder against the layers as they are written: enlarge, concatenate, join."""

import pytest
import torch
import torch.nn.functional as F

from mmavs.models.pixel_decoders import MLPDecoder

CHANNELS = (3, 4, 5, 6)
NORMS = [dict(type='BN'), dict(type='GN', num_groups=2), None]


def build(norm_cfg, **kwargs):
    torch.manual_seed(0)
    return MLPDecoder(CHANNELS, embed_dims=8, norm_cfg=norm_cfg, **kwargs).double()


def maps():
    generator = torch.Generator().manual_seed(1)
    sizes = ((8, 12), (4, 6), (2, 3), (1, 2))  # the last does not divide
    return [
        torch.randn(2, c, *size, generator=generator, dtype=torch.float64, requires_grad=True)
        for c, size in zip(CHANNELS, sizes)
    ]


def written_out(decoder, feats):
    enlarged = [
        F.interpolate(layer(feat), feats[0].shape[-2:], mode='bilinear', align_corners=False)
        for layer, feat in zip(decoder.projections, feats)
    ]
    return decoder.fuse(torch.cat(enlarged, 1))


@pytest.mark.parametrize('norm_cfg', NORMS, ids=str)
def test_outputs_and_gradients_are_those_of_the_written_out_layers(norm_cfg):
    results = []
    for run in (lambda decoder, feats: decoder(feats), written_out):
        decoder, feats = build(norm_cfg).train(), maps()
        out = run(decoder, feats)
        out.square().sum().backward()
        gradients = [x.grad for x in (*feats, *decoder.parameters())]
        results.append([out, *gradients, *decoder.buffers()])
    found, expected = results
    assert found[0].shape == (2, 8, 8, 12) and found[0].abs().sum() > 1
    assert len(found) == len(expected) > 13
    for left, right in zip(found, expected):
        assert torch.allclose(left.double(), right.double(), atol=1e-10)


def test_levels_have_to_fit():
    with pytest.raises(ValueError, match='zip'):
        build(None)(maps()[:3])

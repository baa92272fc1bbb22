# Copyright (c) mmavs developers. All rights reserved.
"""Counts against numbers worked out by hand, official totals, and torch's own counter."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmavs.models.pixel_decoders import DeformableAttention
from mmavs.registry import MODELS
from mmavs.structures import MaskOutputs
from mmavs.testing.goldens import load_manifest
from mmavs.testing.tiny import tiny_avsegformer
from mmavs.utils.complexity import count_flops, count_parameters

EXACT = ('conv', 'linear', 'addmm', 'matmul', 'bmm', 'baddbmm', 'einsum')
EXACT += ('scaled_dot_product_attention',)


class Segmentor(nn.Module):
    """Called as a segmentor is; its head does what a test asks for."""

    def __init__(self, head):
        super().__init__()
        self.decode_head = head

    def forward(self, inputs, data_samples, mode):
        assert mode == 'tensor'
        return MaskOutputs(aux=dict(out=self.decode_head(**inputs)))


class Head(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, **inputs):
        return self.function(*inputs.values())


def flops_of(function, *shapes):
    inputs = {f'x{i}': torch.randn(shape) for i, shape in enumerate(shapes)}
    return count_flops(Segmentor(Head(function)), inputs).flops['']


@pytest.mark.parametrize(
    ('function', 'shapes', 'expected'),
    [
        (torch.matmul, [(2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
        (torch.matmul, [(3, 4), (7, 4, 5)], 7 * 3 * 4 * 5),  # broadcast over the first factor
        (torch.baddbmm, [(2, 3, 1), (2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
        (
            lambda q, m: torch.einsum('nqd,ndhw->nqhw', q, m),
            [(2, 3, 4), (2, 4, 5, 6)],
            2 * 3 * 4 * 5 * 6,
        ),
        (
            F.scaled_dot_product_attention,  # 2 x 8 heads, 5 queries, 7 keys of 4, values of 6
            [(2, 8, 5, 4), (2, 8, 7, 4), (2, 8, 7, 6)],
            2 * 8 * 5 * 7 * (4 + 6),
        ),
        (
            lambda x, w: F.conv2d(x, w, padding=1, groups=2),  # 3x3, 4 -> 6 channels
            [(2, 4, 5, 7), (6, 2, 3, 3)],
            2 * 5 * 7 * 6 * 2 * 9,
        ),
        (lambda x: x.relu() + x.softmax(-1), [(2, 3)], 0),
    ],
)
def test_operators(function, shapes, expected):
    assert flops_of(function, *shapes) == expected


def test_einsum_of_three_factors_is_refused():
    with pytest.raises(ValueError, match='two factors only'):
        flops_of(lambda x: torch.einsum('ab,bc,cd->ad', x, x, x), (2, 2))


def test_deformable_attention():
    rows, dims, heads, points = 2, 16, 4, 3
    shapes = torch.tensor([[4, 6], [2, 3]])
    levels, tokens = len(shapes), int(shapes.prod(1).sum())
    attention = DeformableAttention(dims, heads, levels, points, batch_first=True)
    head = Head(
        lambda query, reference: attention(
            query,
            reference_points=reference,
            spatial_shapes=shapes,
            level_start_index=torch.tensor([0, 24]),
        )
    )
    head.attention = attention
    inputs = dict(
        query=torch.randn(rows, tokens, dims), reference=torch.rand(rows, tokens, levels, 2)
    )
    complexity = count_flops(Segmentor(head), inputs)
    samples = heads * levels * points
    # value and output projections, offsets in x and y, weights; then a bilinear sample of every
    # channel at each point, and its weight
    projections = 2 * dims * dims + dims * samples * 3
    sampling = dims * levels * points * (4 + 1)
    assert complexity.flops['decode_head.attention'] == rows * tokens * (projections + sampling)
    assert complexity.flops[''] == rows * tokens * (projections + sampling)


@pytest.fixture(scope='module')
def tiny():
    return MODELS.build(tiny_avsegformer())


def tiny_inputs(frames=2, height=64):
    return dict(imgs=torch.randn(1, frames, 3, height, 96), audio=torch.randn(1, frames, 1, 96, 64))


def test_whole_model_against_torch(tiny):
    """torch counts two operations for a multiplication with its addition, and nothing else."""
    inputs = tiny_inputs()
    complexity = count_flops(tiny, inputs)
    # it does not know the CPU's fused attention
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        tiny(inputs, None, mode='tensor')
    exact = sum(complexity.operators.get(name, 0) for name in EXACT)
    assert exact == counter.get_total_flops() / 2
    assert complexity.flops[''] == sum(complexity.operators.values())


def test_parts_of_the_tiny_model(tiny):
    frames, dims, heads, pixels = 2, 32, 4, 16 * 24
    complexity = count_flops(tiny, tiny_inputs(frames))
    flops = complexity.flops
    # query, its product with the key weights, value weights, output; two products with the pixels
    mixer = frames * (4 * dims * dims + 2 * heads * dims * pixels)
    assert flops['decode_head.mixer'] == mixer
    # 6 queries to 32 to 32 to 32 channels
    assert flops['decode_head.map_mlp'] == frames * pixels * (6 * 32 + 32 * 32 + 32 * 32)
    parts = sum(flops[name] for name in flops if name.startswith('decode_head.'))
    query_maps = frames * 6 * dims * pixels
    assert flops['decode_head'] == parts + query_maps
    assert flops[''] == flops['backbone'] + flops['audio_encoder'] + flops['decode_head']
    assert {'aten::softmax', 'aten::sigmoid'} <= set(complexity.uncounted)
    assert not {'aten::reshape', 'aten::unflatten'} & set(complexity.uncounted)


def test_frames_do_not_mix_in_avsegformer(tiny):
    one, three = (count_flops(tiny, tiny_inputs(frames)).flops for frames in (1, 3))
    assert all(three[name] == 3 * flops for name, flops in one.items())


def test_counting_leaves_the_model_as_it_was(tiny):
    inputs = tiny_inputs()
    before = tiny.eval()(inputs, None, mode='tensor').logits
    count_flops(tiny, inputs)
    assert torch.equal(tiny(inputs, None, mode='tensor').logits, before)
    assert all(not module._forward_hooks for module in tiny.modules())


def dead_parameters(entries, prefixes):
    """Sizes of official parameters under some prefixes; buffers are not parameters."""
    buffers = ('running_mean', 'running_var', 'num_batches_tracked')
    return sum(
        math.prod(shape)
        for name, shape, _ in entries
        if name.startswith(prefixes) and not name.endswith(buffers)
    )


DEAD = ('backbone.layer3_2', 'backbone.layer4_2', 'head.fpn', 'head.attn_fc')
DEAD += ('resnet.layer3_2', 'resnet.layer4_2', 'path4.resConfUnit1')


AVSS = {'decode_head.num_classes': 71, 'decode_head.fusion.audio_bias': False}


@pytest.mark.parametrize(
    ('case', 'config', 'options', 'official', 'dead'),
    [
        ('avsegformer_r50_s4', 'avsegformer_r50_vggish_1xb2-30e', {}, 150.9, 24.2),
        ('avsegformer_pvt_s4', 'avsegformer_pvt-v2-b5_vggish_1xb2-30e', {}, 186.1, 2.1),
        # TPAVI's files hold no VGGish, 72.1 M
        ('tpavi_r50_s4', 'tpavi_r50_vggish_1xb4-15e', {}, 91.4, 23.2),
        ('tpavi_pvt_avss', 'tpavi_pvt-v2-b5_vggish_1xb4-15e', AVSS, 101.3, 1.2),
    ],
)
def test_parameters_are_the_official_ones_less_the_dead(
    case, config, options, official, dead, root
):
    """Totals of the sheets, less what they call dead.

    That is the second ResNet branch (22.1 M), and 2.1 M of AVSegFormer's head or 1.2 M of TPAVI's.
    """
    manifest = load_manifest(case)
    unused = dead_parameters(manifest['state_dict'], DEAD)
    assert manifest['n_params'] / 1e6 == pytest.approx(official, abs=0.05)
    assert unused / 1e6 == pytest.approx(dead, abs=0.06)
    method = case.split('_')[0]
    settings = Config.fromfile(root / f'configs/{method}/{config}_s4-224x224.py')
    settings.merge_from_dict({f'model.{key}': value for key, value in options.items()})
    with torch.device('meta'):
        complexity = count_parameters(MODELS.build(settings.model))
    total = complexity.trainable[''] + complexity.frozen['']
    vggish = 72_141_184
    assert total == manifest['n_params'] - unused + (vggish if method == 'tpavi' else 0)
    # VGGish is what is frozen
    assert complexity.frozen[''] == complexity.frozen['audio_encoder'] == vggish
    assert complexity.trainable['audio_encoder'] == 0
    parts = [name for name in complexity.parts if '.' not in name]
    assert sum(complexity.trainable[name] for name in parts) == complexity.trainable['']

# Copyright (c) mmavs developers. All rights reserved.
"""Deformable attention against loops over the definition."""

import math

import pytest
import torch

from mmavs.models.pixel_decoders import DeformableAttention
from mmavs.models.pixel_decoders import deformable_attention as module
from mmavs.models.pixel_decoders.deformable_attention import (
    deformable_attention,
    largest_divisor,
)

SHAPES = [(3, 4), (2, 2)]


def bilinear(image, x, y):
    """Value of an (H, W, C) image at x, y in pixels, pixel centres at halves, zero outside."""
    height, width, _ = image.shape
    x, y = x - 0.5, y - 0.5
    left, top = math.floor(x), math.floor(y)
    total = torch.zeros(image.shape[2], dtype=image.dtype)
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < height and 0 <= column < width:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * image[row, column]
    return total


def brute_force(value, locations, weights):
    batch, _, heads, channels = value.shape
    queries, points = locations.shape[1], locations.shape[4]
    output = torch.zeros(batch, queries, heads, channels, dtype=value.dtype)
    start = 0
    for level, (height, width) in enumerate(SHAPES):
        tokens = value[:, start : start + height * width]
        start += height * width
        for n in range(batch):
            for q in range(queries):
                for h in range(heads):
                    image = tokens[n, :, h].reshape(height, width, channels)
                    for p in range(points):
                        x, y = locations[n, q, h, level, p].tolist()
                        output[n, q, h] += weights[n, q, h, level, p] * bilinear(
                            image, x * width, y * height
                        )
    return output.flatten(2)


def random_inputs(dtype=torch.float64, batch=2, queries=5, heads=2, channels=3, points=2):
    generator = torch.Generator().manual_seed(0)
    tokens = sum(h * w for h, w in SHAPES)
    value = torch.randn(batch, tokens, heads, channels, generator=generator, dtype=dtype)
    shape = (batch, queries, heads, len(SHAPES), points)
    # some locations lie outside of the maps
    locations = torch.rand(*shape, 2, generator=generator, dtype=dtype) * 1.6 - 0.3
    weights = torch.rand(*shape, generator=generator, dtype=dtype)
    return value, locations, weights


def levels():
    shapes = torch.tensor(SHAPES)
    return shapes, torch.cat([shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]])


def test_equals_loops():
    value, locations, weights = random_inputs()
    found = deformable_attention(value, *levels(), locations, weights)
    assert torch.allclose(found, brute_force(value, locations, weights), atol=1e-12)


def test_gradients():
    tensors = [t.requires_grad_() for t in random_inputs(queries=2)]
    assert torch.autograd.gradcheck(
        lambda v, x, w: deformable_attention(v, *levels(), x, w), tensors
    )


def test_half_precision_is_computed_in_float32():
    value, locations, weights = random_inputs(torch.float32)
    half = value.bfloat16()
    found = deformable_attention(half, *levels(), locations, weights)
    expected = deformable_attention(half.float(), *levels(), locations, weights)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected.bfloat16())


def test_autocast_does_not_enter():
    value, locations, weights = random_inputs(torch.float32)
    expected = deformable_attention(value, *levels(), locations, weights)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = deformable_attention(value, *levels(), locations, weights)
    assert torch.equal(found, expected)


@pytest.mark.parametrize('batch_first', [True, False])
@pytest.mark.parametrize('boxes', [True, False])
def test_module_equals_mmcv(batch_first, boxes):
    """The same numbers as mmcv's module, whose forward runs on a CPU."""
    torch.manual_seed(0)
    ours = DeformableAttention(16, 4, 2, 2, dropout=0.0, batch_first=batch_first)
    torch.nn.init.normal_(ours.sampling_offsets.weight)
    torch.nn.init.normal_(ours.attention_weights.weight)
    theirs = module.MultiScaleDeformableAttention(16, 4, 2, 2, dropout=0.0, batch_first=batch_first)
    theirs.load_state_dict(ours.state_dict())
    shapes, starts = levels()
    query = torch.randn(2, 16, 16) if batch_first else torch.randn(16, 2, 16)
    arguments = dict(
        query_pos=torch.randn_like(query),
        key_padding_mask=torch.rand(2, 16) > 0.8,
        reference_points=torch.rand(2, 16, 2, 4 if boxes else 2),
        spatial_shapes=shapes,
        level_start_index=starts,
    )
    assert torch.allclose(ours(query, **arguments), theirs(query, **arguments), atol=1e-6)


def test_wrong_reference_points_are_refused():
    attention = DeformableAttention(16, 4, 2, 2, batch_first=True)
    shapes, starts = levels()
    with pytest.raises(ValueError, match='2 or 4 coordinates, got 3'):
        attention(
            torch.randn(1, 16, 16),
            reference_points=torch.rand(1, 16, 2, 3),
            spatial_shapes=shapes,
            level_start_index=starts,
        )


@pytest.mark.parametrize(('number', 'limit', 'found'), [(10, 64, 10), (100, 64, 50), (67, 64, 1)])
def test_im2col_step_divides_the_batch(number, limit, found):
    assert largest_divisor(number, limit) == found

# Copyright (c) mmavs developers. All rights reserved.
"""The baseline that stands in for the mixtures."""

import torch

from mmavs.registry import MODELS


def test_class_points_stand_in_for_mixtures():
    torch.manual_seed(0)
    points = MODELS.build(dict(type='ClassPoints', num_classes=3, embed_dims=8))
    queries = torch.randn(2, 5, 8)
    weight, bias = points.cls_embed.weight, points.cls_embed.bias
    assert torch.allclose(points(queries), queries @ weight.T + bias, atol=1e-6)
    classes = torch.tensor([[2, 0], [1, -1]])
    drawn = points.sample(classes, torch.Generator())
    table = points.prompts.weight
    assert torch.equal(drawn, torch.stack([table[[2, 0]], torch.stack([table[1], table[0] * 0])]))
    before = {name: value.clone() for name, value in points.state_dict().items()}
    points.enqueue(points.normalize(queries), torch.zeros(2, 5, dtype=torch.long))
    points.em_update()
    assert all(torch.equal(before[name], value) for name, value in points.state_dict().items())
    assert points.filled.tolist() == [True, True, True, False]
    (points(queries).sum() + drawn.sum()).backward()
    assert all(parameter.grad is not None for parameter in points.parameters())

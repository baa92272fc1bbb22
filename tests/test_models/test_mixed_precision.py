# Copyright (c) mmavs developers. All rights reserved.
"""A whole model under bfloat16 autocast: what stays float32, and how far the loss may move."""

import math
from itertools import product

import pytest
import torch
from mmengine.dataset import pseudo_collate
from one_step import build, one_step, tiny_config
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from mmavs.models.pixel_decoders import deformable_attention
from mmavs.structures import IGNORE_INDEX, MaskOutputs
from mmavs.testing.tiny import random_clip

BF16 = torch.bfloat16
ROUNDING = {torch.bfloat16: 2**-8, torch.float16: 2**-11}
"""dict: Largest relative error of rounding to a dtype, which has 8 or 11 significant bits."""


def make_clips(num_classes=1):
    return [random_clip(2, num_classes=num_classes, waveform=True, seed=i) for i in range(2)]


def forward(model, clips, dtype=None, mode='tensor'):
    data = model.data_preprocessor(pseudo_collate(clips), True)
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        return model(**data, mode=mode)


def count_rounding_layers(model, dtype):
    """Collects the layers that give half precision; no path through the network has more."""
    found = []

    def hook(module, inputs, output):
        if isinstance(output, torch.Tensor) and output.dtype == dtype:
            found.append(module)

    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(hook)
    return found


def targets(clips):
    samples = [clip['data_samples'] for clip in clips]
    return (
        torch.cat([sample.gt_sem_seg.data for sample in samples]),
        torch.cat([sample.frame_annotated for sample in samples]),
    )


def convert(outputs, change):
    """The same outputs with each tensor changed."""
    return MaskOutputs(
        **tree_map(lambda x: change(x) if isinstance(x, torch.Tensor) else x, vars(outputs))
    )


@pytest.mark.parametrize('dtype', ROUNDING)
@pytest.mark.parametrize(
    ('kind', 'num_classes'),
    [*product(('resnet', 'pvt', 'tpavi'), (1, 5)), ('aqformer', 1)],
)
def test_logits_and_losses_are_near_those_of_float32(kind, num_classes, dtype):
    """n layers in a row round with a relative error of at most u each. Independent errors add as
    squares, and norms keep the size of what flows: sqrt(n) u for the logits. A loss L moves by at
    most |dL/dz| |dz| to first order (Cauchy-Schwarz), for each output z of the head that it reads.
    """
    config = tiny_config(kind, num_classes=num_classes)
    clips = make_clips(num_classes)
    expected = forward(build(config), clips)
    model = build(config)
    layers = count_rounding_layers(model, dtype)
    found = forward(model, clips, dtype)
    relative = math.sqrt(len(layers)) * ROUNDING[dtype]
    assert len(layers) < 260  # at most 0.063 in bfloat16: this says something
    error = (found.logits.float() - expected.logits).norm() / expected.logits.norm()
    assert ROUNDING[dtype] / 4 < error < relative

    leaves = convert(expected, lambda z: z.detach().requires_grad_())
    outputs = [z for z in tree_leaves(vars(leaves)) if isinstance(z, torch.Tensor)]
    head, (target, annotated) = model.decode_head, targets(clips)
    expected_losses = head.loss(leaves, target, annotated)
    with torch.autocast('cpu', dtype=dtype):
        found_losses = head.loss(found, target, annotated)
    for name, loss in expected_losses.items():
        gradients = torch.autograd.grad(
            loss, outputs, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        moves = sum(g.norm() * z.detach().norm() for g, z in zip(gradients, outputs))
        assert found_losses[name].dtype == torch.float32
        assert abs(found_losses[name] - loss) < relative * moves


PAPER = dict(
    loss_mask=dict(type='SemanticDiceLoss'), loss_mix=dict(type='LinearMixingLoss', embed_dims=32)
)


@pytest.mark.parametrize('ignored', [False, True])
@pytest.mark.parametrize(
    ('kind', 'num_classes', 'objectives'),
    [
        ('resnet', 1, {}),
        ('resnet', 5, {}),
        ('resnet', 5, PAPER),
        ('tpavi', 1, {}),
        ('tpavi', 5, {}),
    ],
)
def test_losses_are_computed_in_float32(kind, num_classes, objectives, ignored):
    """Under autocast, of bfloat16 outputs: to the last bit those of the same outputs in float32."""
    clips = make_clips(num_classes)
    config = tiny_config(kind, num_classes=num_classes)
    config['decode_head'].update(objectives)
    model = build(config)
    outputs = forward(model, clips, BF16)
    assert outputs.logits.dtype == BF16
    target, annotated = targets(clips)
    if ignored:
        target[0, :5] = IGNORE_INDEX
    with torch.autocast('cpu', dtype=BF16):
        found = model.decode_head.loss(outputs, target, annotated)
    expected = model.decode_head.loss(convert(outputs, torch.Tensor.float), target, annotated)
    assert expected['loss_mask'] > 0.1
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_deformable_attention_is_computed_in_float32(monkeypatch):
    seen = []
    sample = deformable_attention.multi_scale_deformable_attn_pytorch

    def spy(value, shapes, locations, weights):
        dtypes = {value.dtype, locations.dtype, weights.dtype}
        seen.append((dtypes, torch.is_autocast_enabled('cpu')))
        return sample(value, shapes, locations, weights)

    monkeypatch.setattr(deformable_attention, 'multi_scale_deformable_attn_pytorch', spy)
    model = build(tiny_config())
    outputs = []
    for layer in model.decode_head.pixel_decoder.encoder.layers:
        layer.self_attn.value_proj.register_forward_hook(
            lambda *args: outputs.append(args[2].dtype)
        )
    forward(model, make_clips(), BF16)
    assert outputs == [BF16, BF16]  # what goes in is half precision
    assert seen == [({torch.float32}, False)] * 2


def test_log_mel_is_the_same():
    model = build(tiny_config())
    examples = []
    model.audio_encoder.frontend.register_forward_hook(lambda *args: examples.append(args[2]))
    forward(model, make_clips())
    forward(model, make_clips(), BF16)
    assert examples[1].dtype == torch.float32
    assert torch.equal(*examples)


def test_matrix_products_are_in_bfloat16_and_weights_are_not():
    """The test is about mixed precision: all of the work is, none of what is stored."""
    model = build(tiny_config())
    dtypes = []
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(lambda *args: dtypes.append(args[2].dtype))
    step = one_step(model, make_clips(), dtype=BF16)
    assert len(dtypes) > 50 and set(dtypes) == {BF16}
    gradients = [value for name, value in step.items() if name.endswith('.grad')]
    assert {gradient.dtype for gradient in gradients} == {torch.float32}
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize('num_classes', [1, 5])
@torch.no_grad()
def test_predictions_are_float32(num_classes):
    model = build(tiny_config(num_classes=num_classes)).eval()
    sample = forward(model, make_clips(num_classes), BF16, mode='predict')[0]
    assert sample.pred_sem_seg.data.dtype == torch.int64
    if num_classes == 1:
        assert sample.pred_scores.data.dtype == torch.float32

# Copyright (c) mmavs developers. All rights reserved.
"""Activation checkpointing: the same losses, gradients and statistics, to the last bit."""

from copy import deepcopy

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from one_step import assert_same, build, losses, one_step, tiny_config
from torch import nn

from mmavs.utils import activation_checkpointing
from mmavs.utils.activation_checkpointing import (
    checkpoint_module,
    turn_on_activation_checkpointing,
)

AVSEGFORMER = [
    'decode_head.pixel_decoder.encoder.layers',
    'decode_head.query_generator.layers',
    'decode_head.decoder.layers',
    'decode_head.map_mlp',
    'decode_head.predictor',
]
TPAVI = ['decode_head.classifiers', 'decode_head.fusions', 'decode_head.pixel_decoder.fusions']
HEAD = dict(resnet=AVSEGFORMER, pvt=AVSEGFORMER, tpavi=TPAVI)
BACKBONE = dict(
    resnet='backbone.layer*.*', pvt='backbone.stages.*.blocks', tpavi='backbone.layer*.*'
)
INSIDE = dict(resnet='map_mlp.2', pvt='map_mlp.2', tpavi='fusions.3.bn')


@pytest.fixture(scope='module', params=['resnet', 'pvt', 'tpavi'])
def reference(request):
    """Config, and one step without checkpointing; dropout everywhere, batch norms in train mode."""
    config = tiny_config(request.param, dropout=0.3)
    return request.param, config, one_step(build(config))


def count_calls(module):
    calls = []
    module.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    return calls


@pytest.mark.parametrize('which', ['head', 'backbone', 'all'])
def test_a_step_is_the_same(reference, which):
    kind, config, expected = reference
    names = {
        'head': HEAD[kind],
        'backbone': [BACKBONE[kind]],
        'all': ['backbone', 'decode_head', 'audio_encoder'],
    }
    model = build(config)
    turn_on_activation_checkpointing(model, names[which])
    calls = count_calls(model.decode_head.get_submodule(INSIDE[kind]))
    assert_same(one_step(model), expected)
    plain = 2 if kind == 'tpavi' else 1
    assert len(calls) == (plain if which == 'backbone' else 2 * plain)  # it was computed again


@pytest.mark.parametrize('reference', ['resnet', 'pvt'], indirect=True)
def test_other_dropout_is_noticed(reference):
    """The test above is about random numbers too."""
    _, config, expected = reference
    assert losses(build(config), seed=2)['loss_mask'] != expected['loss_mask']


@pytest.mark.parametrize('reference', ['resnet', 'pvt'], indirect=True)
def test_switches_of_the_parts(reference):
    """``with_cp`` of PVTv2 and ``num_cp`` of the encoder."""
    kind, config, expected = reference
    config = deepcopy(config)
    config['decode_head']['pixel_decoder']['encoder']['num_cp'] = 1
    if kind == 'pvt':
        config['backbone']['with_cp'] = True
    model = build(config)
    layers = model.decode_head.pixel_decoder.encoder.layers
    calls = [count_calls(layer.ffn.layers[0][0]) for layer in layers]
    if kind == 'pvt':
        calls.append(count_calls(model.backbone.stages[3].blocks[1].mlp.fc1))
    assert_same(one_step(model), expected)
    assert [len(one) for one in calls] == [2, 1, 2][: len(calls)]


def test_a_step_in_bfloat16_is_the_same(reference):
    kind, config, expected_in_float32 = reference
    model = build(config)
    turn_on_activation_checkpointing(model, ['backbone', *HEAD[kind]])
    expected = one_step(build(config), dtype=torch.bfloat16)
    assert_same(one_step(model, dtype=torch.bfloat16), expected)
    assert expected['loss_mask'] != expected_in_float32['loss_mask']


def make_norms():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.InstanceNorm2d(4, track_running_stats=True),
        nn.BatchNorm2d(4, momentum=None),
    )


def test_statistics_of_two_steps():
    """Also the average over all batches, and batch norms that are in eval mode."""
    results = []
    for change in (lambda module: None, checkpoint_module):
        module = make_norms()
        module[1].eval()
        change(module)
        buffers = dict(module.named_buffers())
        for seed in range(2):
            torch.manual_seed(seed)
            module(torch.randn(2, 3, 8, 8)).pow(3).sum().backward()
        assert all(value is buffers[name] for name, value in module.named_buffers())
        results.append({**buffers, **{n: p.grad for n, p in module.named_parameters()}})
    assert_same(results[1], results[0])
    assert results[0]['4.num_batches_tracked'] == 2


def test_tensors_are_passed_by_position(monkeypatch):
    """torch restores the random state of a GPU only where a positional tensor lies."""
    seen = []

    def spy(function, *args, **kwargs):
        seen.append((args, [v for v in kwargs.values() if isinstance(v, torch.Tensor)]))
        return checkpoint(function, *args, **kwargs)

    checkpoint = activation_checkpointing.checkpoint
    monkeypatch.setattr(activation_checkpointing, 'checkpoint', spy)
    attention = nn.MultiheadAttention(8, 2)
    checkpoint_module(attention)
    x, y = torch.randn(3, 1, 8), torch.randn(4, 1, 8)
    expected = type(attention).forward(attention, x, key=y, value=y)
    found = attention(x, value=y, key=y)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    (args, tensors_by_name), *rest = seen
    assert not rest and not tensors_by_name
    assert all(found is wanted for found, wanted in zip(args, (x, y, y), strict=True))


def test_nothing_is_checkpointed_without_gradients(monkeypatch):
    monkeypatch.delattr(activation_checkpointing, 'checkpoint')
    module = nn.Linear(2, 2)
    checkpoint_module(module)
    with torch.no_grad():
        module(torch.ones(1, 2))


def test_a_list_stands_for_its_items():
    module = nn.Module()
    module.parts = nn.ModuleList([nn.Linear(2, 2), None, nn.ReLU()])
    turn_on_activation_checkpointing(module, 'parts')
    assert ['forward' in part.__dict__ for part in module.parts if part is not None] == [True, True]
    assert 'forward' not in module.parts.__dict__


def test_a_copy_has_its_own_weights():
    module = nn.Sequential(nn.Linear(2, 2))
    turn_on_activation_checkpointing(module, '0')
    copy = deepcopy(module)
    nn.init.zeros_(copy[0].weight)
    x = torch.ones(1, 2)
    assert torch.equal(copy(x)[0], copy[0].bias)
    assert not torch.equal(module(x), copy(x))
    assert list(copy.state_dict()) == ['0.weight', '0.bias']


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('decode_head.mlp', '"decode_head.mlp". "decode_head" has .*\'map_mlp\''),
        ('neck', 'no module "neck". Its parts are .*\'backbone\''),
        ('decode_head.decoder.layers.7.ffn', "\"decode_head.decoder.layers\" has .'0', '1'."),
    ],
)
def test_a_name_that_is_not_there(name, message):
    with pytest.raises(ValueError, match=message):
        turn_on_activation_checkpointing(build(tiny_config()), ['backbone', name])


@pytest.mark.parametrize('find_unused_parameters', [False, True])
def test_distributed(find_unused_parameters, tmp_path):
    """The wrapper sees each gradient once, whether it looks for unused parameters or not."""
    config = tiny_config(dropout=0.3)
    expected = one_step(build(config))
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        model = build(config)
        turn_on_activation_checkpointing(model, ['backbone', *AVSEGFORMER])
        wrapped = MMDistributedDataParallel(
            model, broadcast_buffers=False, find_unused_parameters=find_unused_parameters
        )
        wrapped.data_preprocessor = model.data_preprocessor
        found = one_step(wrapped)
    finally:
        dist.destroy_process_group()
    assert_same({name.removeprefix('module.'): value for name, value in found.items()}, expected)

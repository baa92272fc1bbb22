# Copyright (c) mmavs developers. All rights reserved.
"""What only a GPU can show: kernels, precision, equality with the CPU."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import AmpOptimWrapper
from one_step import build, one_step, tiny_config

from mmavs.models.audio import LogMelFrontend
from mmavs.models.pixel_decoders import deformable_attention as module
from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip, tiny_avsegformer
from mmavs.utils.activation_checkpointing import turn_on_activation_checkpointing

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')

SHAPES = torch.tensor([(16, 24), (8, 12), (4, 6)])


def attention_inputs(batch, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    tokens = int(SHAPES.prod(1).sum())
    value = torch.randn(batch, tokens, 8, 32, generator=generator)
    locations = torch.rand(batch, 50, 8, 3, 4, 2, generator=generator) * 1.4 - 0.2
    weights = torch.rand(batch, 50, 8, 12, generator=generator).softmax(-1)
    weights = weights.unflatten(-1, (3, 4))
    starts = torch.cat([SHAPES.new_zeros(1), SHAPES.prod(1).cumsum(0)[:-1]])
    tensors = [t.cuda().to(dtype) for t in (value, locations, weights)]
    return tensors, SHAPES.cuda(), starts.cuda()


def attend(tensors, shapes, starts):
    value, locations, weights = (t.clone().requires_grad_() for t in tensors)
    output = module.deformable_attention(value, shapes, starts, locations, weights)
    gradients = torch.autograd.grad(output.float().pow(2).sum(), [value, locations, weights])
    return output, gradients


@pytest.mark.parametrize('batch', [1, 10, 67, 100])
def test_kernel_equals_pytorch(batch, monkeypatch):
    """Also for batches that 64 does not divide, which mmcv's own module refuses."""
    if not module.has_cuda_kernel():
        pytest.skip('mmcv was compiled without CUDA')
    inputs = attention_inputs(batch)
    output, gradients = attend(*inputs)
    monkeypatch.setattr(module, 'has_cuda_kernel', lambda: False)
    expected, expected_gradients = attend(*inputs)
    assert torch.allclose(output, expected, atol=1e-5)
    for found, wanted in zip(gradients, expected_gradients):
        assert torch.allclose(found, wanted, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize('kernel', [True, False])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(kernel, dtype, monkeypatch):
    if kernel and not module.has_cuda_kernel():
        pytest.skip('mmcv was compiled without CUDA')
    monkeypatch.setattr(module, 'has_cuda_kernel', lambda: kernel)
    (value, locations, weights), shapes, starts = attention_inputs(4)
    half = value.to(dtype)
    with torch.autocast('cuda', dtype=dtype):
        found = module.deformable_attention(half, shapes, starts, locations, weights)
    expected = module.deformable_attention(half.float(), shapes, starts, locations, weights)
    assert found.dtype == dtype
    assert torch.equal(found, expected.to(dtype))


def tiny_model():
    torch.manual_seed(0)
    model = MODELS.build(tiny_avsegformer())
    model.init_weights()
    return model.eval()


def losses(model, dtype=None):
    clips = [random_clip(seed=i, waveform=True) for i in range(2)]
    data = model.data_preprocessor(pseudo_collate(clips), True)
    with torch.autocast('cuda', dtype=dtype, enabled=dtype is not None):
        return model(**data, mode='loss')


def test_gpu_equals_cpu():
    model = tiny_model()
    expected = losses(model)
    found = losses(model.cuda())
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), abs=1e-4)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_mixed_precision_trains(dtype):
    """Losses stay float32 and near those of float32, gradients are finite."""
    model = tiny_model().cuda()
    expected = losses(model)
    found = losses(model, dtype)
    for name, value in found.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(expected[name].item(), abs=2e-2)
    sum(found.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_log_mel_on_gpu():
    frontend = LogMelFrontend()
    waveform = torch.rand(2, 1, 80000, generator=torch.Generator().manual_seed(0)) - 0.5
    expected = frontend(waveform)
    assert torch.allclose(frontend.cuda()(waveform.cuda()).cpu(), expected, atol=1e-5)


RECIPE = ['backbone', 'decode_head.pixel_decoder.encoder.layers', 'decode_head.decoder.layers']


@pytest.mark.parametrize('dtype', [None, torch.float16, torch.bfloat16])
def test_checkpointing_is_the_same(dtype):
    """Dropout in modules that are called by keyword: the GPU's random state is restored too. Other
    masks would change the gradient as a whole, kernels that add in any order change it little.
    """
    config = tiny_config(dropout=0.3)
    expected = one_step(build(config).cuda(), dtype=dtype)
    model = build(config).cuda()
    turn_on_activation_checkpointing(model, RECIPE)
    found = one_step(model, dtype=dtype)
    assert found.keys() == expected.keys()
    for name in ('loss_mask', 'loss_mix'):
        assert found[name].item() == pytest.approx(expected[name].item(), abs=1e-5)
    names = [name for name in expected if name.endswith('.grad')]
    error = sum((found[name] - expected[name]).norm() ** 2 for name in names).sqrt()
    assert error < 1e-2 * sum(expected[name].norm() ** 2 for name in names).sqrt()


def test_checkpointing_keeps_less():
    kept = []
    for modules in ([], RECIPE):
        model = build(tiny_config()).cuda()
        turn_on_activation_checkpointing(model, modules)
        data = model.data_preprocessor(pseudo_collate([random_clip(size=(256, 256))]), True)
        before = torch.cuda.memory_allocated()
        outputs = model(**data, mode='loss')
        kept.append(torch.cuda.memory_allocated() - before)
        del outputs
    assert kept[1] < 0.8 * kept[0]


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_whole_recipe_trains(dtype):
    """Mixed precision in mmengine's wrapper, accumulation and checkpointing together."""
    model = build(tiny_config(dropout=0.1)).cuda()
    turn_on_activation_checkpointing(model, RECIPE)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    scale = dict(init_scale=1024.0)  # the default begins so high that first steps are left out
    wrapper = AmpOptimWrapper(scale, dtype, optimizer=optimizer, accumulative_counts=2)
    weight = model.decode_head.audio_proj.weight
    changed = []
    for step in range(4):
        before = weight.detach().clone()
        model.train_step(pseudo_collate([random_clip(seed=step)]), wrapper)
        changed.append(not torch.equal(weight, before))
    assert changed == [False, True, False, True]
    assert all(torch.isfinite(p).all() for p in model.parameters())

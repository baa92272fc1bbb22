# Copyright (c) mmavs developers. All rights reserved.
"""One training step of a tiny model, and all that it leaves behind."""

from copy import deepcopy

import torch
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip, tiny_avsegformer, tiny_tpavi
from mmavs.testing.tiny_aqformer import tiny_aqformer


def tiny_config(kind: str = 'resnet', dropout: float = 0.0, num_classes: int = 1) -> dict:
    """A tiny AVSegFormer (ResNet-18 or PVTv2-b0, dropout and drop-path), TPAVI or AQFormer."""
    if kind == 'aqformer':
        return tiny_aqformer(num_classes)
    if kind == 'tpavi':
        config = tiny_tpavi(num_classes)
        # its batch norm sees two batches in a forward pass
        config['decode_head']['fusion']['visual_attention'] = True
        return config
    config = tiny_avsegformer(num_classes)
    head = config['decode_head']
    head['decoder']['dropout'] = dropout
    layer = head['pixel_decoder']['encoder']['layer_cfg']
    layer['self_attn_cfg']['dropout'] = layer['ffn_cfg']['ffn_drop'] = dropout
    if kind == 'pvt':
        config['backbone'] = dict(type='PVTv2', variant='b0', drop_path_rate=dropout)
        head['pixel_decoder']['in_channels'] = (32, 64, 160, 256)
    return config


def build(config: dict) -> torch.nn.Module:
    """The model in train mode, always the same for a config."""
    torch.manual_seed(0)
    model = MODELS.build(deepcopy(config))
    model.init_weights()
    return model.train()


def losses(
    model: torch.nn.Module,
    clips: list[dict] | None = None,
    seed: int = 1,
    dtype: torch.dtype | None = None,
) -> dict:
    """Losses of some clips, by default of two. The seed is dropout's, the dtype is autocast's."""
    clips = clips or [random_clip(seed=i) for i in range(2)]
    data = model.data_preprocessor(pseudo_collate(clips), True)
    torch.manual_seed(seed)
    device = next(model.parameters()).device.type
    with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
        return model(**data, mode='loss')


def one_step(model: torch.nn.Module, clips: list[dict] | None = None, **settings) -> dict:
    """Losses, gradients and buffers by name after one forward and backward pass."""
    model.zero_grad()
    found = losses(model, clips, **settings)
    sum(found.values()).backward()
    found.update((f'{n}.grad', p.grad) for n, p in model.named_parameters() if p.grad is not None)
    found.update(model.named_buffers())
    return {name: value.detach().clone() for name, value in found.items()}


def assert_same(found: dict, expected: dict) -> None:
    """The same names, and the same values to the last bit."""
    assert found.keys() == expected.keys()
    differ = [name for name, value in expected.items() if not torch.equal(found[name], value)]
    assert not differ

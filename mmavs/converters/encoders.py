# Copyright (c) mmavs developers. All rights reserved.
"""Rules of the encoders that several methods, and their ImageNet and AudioSet files, share.

``official`` and ``ours`` are the prefixes of an encoder in either model, with their last dot, and
empty for a file of the encoder alone.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from .rules import Drop, Extra, Rename, Reshape, Rule

_CLASSIFIER = 'classifier of ImageNet'


def resnet_rules(official: str = '', ours: str = 'backbone.', branches: int = 1) -> list[Rule]:
    """A ResNet by torchvision's names, which mmseg's ``ResNet`` has too.

    Args:
        official (str): Defaults to '', as in an ImageNet file.
        ours (str): Defaults to ``'backbone.'``.
        branches (int): 2 for the ResNet of AVSBench and AVSegFormer, in which ``layer3`` and
            ``layer4`` are there twice and the second ones are never run. Defaults to 1.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert`.
    """
    rules: list[Rule] = [
        Rename(f'{official}{part}.', f'{ours}{part}.')
        for part in ('conv1', 'bn1', 'layer1', 'layer2')
    ]
    for part in ('layer3', 'layer4'):
        if branches == 1:
            rules.append(Rename(f'{official}{part}.', f'{ours}{part}.'))
            continue
        first, second = f'{official}{part}_1.', f'{official}{part}_2.'
        rules.append(Rename(first, f'{ours}{part}.'))
        # Both branches begin with the same ImageNet weights, so that a copy of the first is right.
        reason = 'second branch of the official two-branch ResNet, never run'
        rules.append(Drop(second, reason, twin=first))
    return [*rules, Drop(f'{official}fc.', _CLASSIFIER)]


def pvt_rules(official: str = '', ours: str = 'backbone.') -> list[Rule]:
    """A PVTv2 by its authors' names, to timm's, which :class:`mmavs.models.PVTv2` has.

    Args:
        official (str): Defaults to '', as in an ImageNet file.
        ours (str): Defaults to ``'backbone.'``.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert`.
    """
    block, our_block = f'{official}block{{i+1}}.', f'{ours}stages.{{i}}.blocks.'
    return [
        Rename(f'{official}patch_embed1.', f'{ours}patch_embed.'),
        Rename(f'{official}patch_embed{{i+1}}.', f'{ours}stages.{{i}}.downsample.'),
        Rename(f'{block}{{j}}.mlp.dwconv.dwconv.', f'{our_block}{{j}}.mlp.dwconv.'),
        Rename(block, our_block),
        Rename(f'{official}norm{{i+1}}.', f'{ours}stages.{{i}}.norm.'),
        Drop(f'{official}head.', _CLASSIFIER),
    ]


def vggish_rules(official: str = '', ours: str = 'audio_encoder.') -> list[Rule]:
    """A VGGish by torchvggish's names, which :class:`mmavs.models.VGGish` has too.

    Args:
        official (str): Defaults to '', as in ``vggish-10086976.pth``.
        ours (str): Defaults to ``'audio_encoder.'``.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert`.
    """
    return [
        Rename(f'{official}features.', f'{ours}features.'),
        Rename(f'{official}embeddings.', f'{ours}embeddings.'),
        Drop(f'{official}pproc.', 'PCA of the sound, switched off in every official config'),
    ]


def detectron2_resnet_rules(official: str = '', ours: str = 'backbone.') -> list[Rule]:
    """A ResNet by detectron2's names, to torchvision's, which mmseg's ``ResNet`` has.

    The batch norms are frozen and do not count batches; torch loads them without the counters.

    Args:
        official (str): Defaults to '', as in detectron2's ImageNet files.
        ours (str): Defaults to ``'backbone.'``.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert`.
    """
    block, our_block = f'{official}res{{i+2}}.{{j}}.', f'{ours}layer{{i+1}}.{{j}}.'
    norms = [
        (f'{official}stem.conv1.norm.', f'{ours}bn1.'),
        (f'{block}conv{{n}}.norm.', f'{our_block}bn{{n}}.'),
        (f'{block}shortcut.norm.', f'{our_block}downsample.1.'),
    ]
    return [
        *(
            Extra(f'{norm}num_batches_tracked', 'frozen batch norms do not count')
            for _, norm in norms
        ),
        *(Rename(*names) for names in norms),
        Rename(f'{official}stem.conv1.', f'{ours}conv1.'),
        Rename(f'{block}conv{{n}}.', f'{our_block}conv{{n}}.'),
        Rename(f'{block}shortcut.', f'{our_block}downsample.0.'),
        Drop(f'{official}stem.fc.', _CLASSIFIER),
    ]


def _to_unfolded(merged: Tensor) -> Tensor:
    neighbours = merged.unflatten(-1, (4, -1))[..., _NEIGHBOURS, :]
    return neighbours.transpose(-1, -2).flatten(-2)


def _from_unfolded(unfolded: Tensor) -> Tensor:
    neighbours = unfolded.unflatten(-1, (-1, 4)).transpose(-1, -2)
    return neighbours[..., _NEIGHBOURS, :].flatten(-2)


_NEIGHBOURS = [0, 2, 1, 3]  # its own inverse

PATCH_MERGING = Reshape(_to_unfolded, _from_unfolded)
"""Reshape: The last axis of what merges 2x2 tokens of C channels into one. Officially the four
neighbours (row, column) 00, 10, 01, 11 come one after another, each C wide; in mmseg, which calls
torch's ``Unfold``, each channel comes with its neighbours 00, 01, 10, 11 (sheet vct.md, section
12)."""


def swin_rules(official: str = '', ours: str = 'backbone.') -> list[Rule]:
    """A Swin by its authors' names, for classification or detection, to those of mmseg.

    Args:
        official (str): Defaults to '', as in an ImageNet file.
        ours (str): Defaults to ``'backbone.'``.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert`.
    """
    stage, our_stage = f'{official}layers.{{i}}.', f'{ours}stages.{{i}}.'
    block, our_block = f'{stage}blocks.{{j}}.', f'{our_stage}blocks.{{j}}.'
    merging, our_merging = f'{stage}downsample.', f'{our_stage}downsample.'
    return [
        Rename(f'{official}patch_embed.proj.', f'{ours}patch_embed.projection.'),
        Rename(f'{official}patch_embed.norm.', f'{ours}patch_embed.norm.'),
        Rename(f'{block}attn.', f'{our_block}attn.w_msa.'),
        Rename(f'{block}mlp.fc1.', f'{our_block}ffn.layers.0.0.'),
        Rename(f'{block}mlp.fc2.', f'{our_block}ffn.layers.1.'),
        Rename(f'{block}norm{{n}}.', f'{our_block}norm{{n}}.'),
        Rename(f'{merging}reduction.weight', f'{our_merging}reduction.weight', PATCH_MERGING),
        Rename(f'{merging}norm.weight', f'{our_merging}norm.weight', PATCH_MERGING),
        Rename(f'{merging}norm.bias', f'{our_merging}norm.bias', PATCH_MERGING),
        Rename(f'{official}norm{{i}}.', f'{ours}norm{{i}}.'),
        Drop(f'{block}attn_mask', 'follows from the size of the picture'),
        Drop(f'{official}norm.', _CLASSIFIER),
        Drop(f'{official}head.', _CLASSIFIER),
    ]


TO_CONV = Reshape(lambda weight: weight[..., None, None], lambda kernel: kernel.flatten(1))
"""Reshape: The weight of a linear layer to that of a 1x1 convolution."""


def join_mit_attention(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Queries, and keys with values, of an official MiT as the one matrix of torch's attention.

    Args:
        state_dict (Mapping[str, Tensor]): By official names, of the backbone alone or of a model.

    Returns:
        dict[str, Tensor]: With ``attn.qkv.`` in the place of ``attn.q.`` and ``attn.kv.``.

    Raises:
        ValueError: If one of the two is missing.
    """
    joined = {}
    for name, tensor in state_dict.items():
        if '.attn.q.' not in name:
            if '.attn.kv.' not in name:
                joined[name] = tensor
            elif name.replace('.kv.', '.q.') not in state_dict:
                raise ValueError(f'"{name}" is there, but no "{name.replace(".kv.", ".q.")}".')
            continue
        other = name.replace('.q.', '.kv.')
        if other not in state_dict:
            raise ValueError(f'"{name}" is there, but no "{other}".')
        joined[name.replace('.q.', '.qkv.')] = torch.cat([tensor, state_dict[other]])
    return joined


def mit_rules(official: str = '', ours: str = 'backbone.') -> list[Rule]:
    """A MiT by its authors' names, after :func:`join_mit_attention`, to those of mmseg.

    Args:
        official (str): Defaults to '', as in an ImageNet file.
        ours (str): Defaults to ``'backbone.'``.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert`.
    """
    stage = f'{ours}layers.{{i}}.'
    block, our_block = f'{official}block{{i+1}}.{{j}}.', f'{stage}1.{{j}}.'
    return [
        Rename(f'{official}patch_embed{{i+1}}.proj.', f'{stage}0.projection.'),
        Rename(f'{official}patch_embed{{i+1}}.norm.', f'{stage}0.norm.'),
        Rename(f'{block}attn.qkv.weight', f'{our_block}attn.attn.in_proj_weight'),
        Rename(f'{block}attn.qkv.bias', f'{our_block}attn.attn.in_proj_bias'),
        Rename(f'{block}attn.proj.', f'{our_block}attn.attn.out_proj.'),
        Rename(f'{block}mlp.fc1.weight', f'{our_block}ffn.layers.0.weight', TO_CONV),
        Rename(f'{block}mlp.fc1.bias', f'{our_block}ffn.layers.0.bias'),
        Rename(f'{block}mlp.dwconv.dwconv.', f'{our_block}ffn.layers.1.'),
        Rename(f'{block}mlp.fc2.weight', f'{our_block}ffn.layers.4.weight', TO_CONV),
        Rename(f'{block}mlp.fc2.bias', f'{our_block}ffn.layers.4.bias'),
        Rename(block, our_block),  # norms, and the spatial reduction with its norm
        Rename(f'{official}norm{{i+1}}.', f'{stage}2.'),
        Drop(f'{official}head.', _CLASSIFIER),
    ]

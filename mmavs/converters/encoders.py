# Copyright (c) mmavs developers. All rights reserved.
"""Rules of the encoders that several methods, and their ImageNet and AudioSet files, share.

``official`` and ``ours`` are the prefixes of an encoder in either model, with their last dot, and
empty for a file of the encoder alone.
"""

from .rules import Drop, Rename, Rule

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

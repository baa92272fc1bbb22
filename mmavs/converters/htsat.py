# Copyright (c) mmavs developers. All rights reserved.
"""Names of HTS-AT's AudioSet checkpoints and of CLAP's audio tower (sheet htsat.md, 4 and 5)."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from .rules import Conversion, Drop, Rename, Rule, convert

LIGHTNING = 'sed_model.'
"""str: Prefix of HTS-AT in the authors' Lightning checkpoints."""

CLAP = 'audio_model.audio_encoder.'
"""str: Prefix of HTS-AT in a CLAP by transformers' names."""

_QUERY = re.compile(r'(.*\.attention\.self\.)query\.(weight|bias)')


def htsat_rules(official: str = '', ours: str = 'audio_encoder.') -> list[Rule]:
    """HTS-AT by its authors' names, to those of :class:`mmavs.models.HTSAT`, timm's Swin.

    Args:
        official (str): Defaults to '', as in DDESeg's cleaned copy.
        ours (str): Defaults to ``'audio_encoder.'``.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert` and ``revert``.
    """
    block = f'{official}layers.{{i}}.blocks.{{j}}.'
    classifier = 'classifier of AudioSet'
    fixed = 'fixed matrix of the front end, which ours computes'
    return [
        Drop(f'{block}attn.relative_position_index', 'follows from the size of the windows'),
        Drop(f'{block}attn_mask', 'follows from the size of the windows'),
        Drop(f'{official}spectrogram_extractor.', fixed),
        Drop(f'{official}logmel_extractor.', fixed),
        Drop(f'{official}tscam_conv.', classifier),
        Drop(f'{official}head.', classifier),
        Rename(f'{official}bn0.', f'{ours}bn0.'),
        Rename(f'{official}patch_embed.', f'{ours}swin.patch_embed.'),
        *_stage_rules(official, ours),
    ]


def clap_rules(official: str = CLAP, ours: str = '') -> list[Rule]:
    """CLAP's HTS-AT by transformers' names; queries, keys and values are joined before.

    Args:
        official (str): Defaults to its place in a whole CLAP.
        ours (str): Defaults to ''.

    Returns:
        list[Rule]: For :func:`mmavs.converters.convert`.
    """
    block, our_block = (
        f'{place}layers.{{i}}.blocks.{{j}}.' for place in (official, f'{ours}swin.')
    )
    parts = {
        'layernorm_before.': 'norm1.',
        'layernorm_after.': 'norm2.',
        'attention.self.relative_position_bias_table': 'attn.relative_position_bias_table',
        'attention.self.qkv.': 'attn.qkv.',
        'attention.output.dense.': 'attn.proj.',
        'intermediate.dense.': 'mlp.fc1.',
        'output.dense.': 'mlp.fc2.',
    }
    others = ('audio_projection.', 'text_model.', 'text_projection.')
    return [
        *(Drop(name, 'of CLAP, which hears and reads') for name in others),
        Drop('logit_scale_a', 'temperature of CLAP'),
        Drop('logit_scale_t', 'temperature of CLAP'),
        Drop(f'{block}attention.self.relative_position_index', 'follows from the size of windows'),
        *(Rename(f'{block}{name}', f'{our_block}{our_name}') for name, our_name in parts.items()),
        Rename(f'{official}batch_norm.', f'{ours}bn0.'),
        Rename(f'{official}patch_embed.', f'{ours}swin.patch_embed.'),
        *_stage_rules(official, ours),
    ]


def _stage_rules(official: str, ours: str) -> list[Rule]:
    """Patches are merged before a stage in timm, after one in the others."""
    return [
        Rename(f'{official}layers.{{i}}.downsample.', f'{ours}swin.layers.{{i+1}}.downsample.'),
        Rename(f'{official}layers.{{i}}.blocks.', f'{ours}swin.layers.{{i}}.blocks.'),
        Rename(f'{official}norm.', f'{ours}swin.norm.'),
    ]


def join_qkv(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Queries, keys and values of transformers, each a layer of its own, as one layer ``qkv``.

    Args:
        state_dict (Mapping[str, Tensor]): By transformers' names.

    Returns:
        dict[str, Tensor]: ``attention.self.qkv`` stands where ``query``, ``key`` and ``value`` did.

    Raises:
        ValueError: If a query has no key or value.
    """
    joined = dict(state_dict)
    for match in filter(None, map(_QUERY.fullmatch, state_dict)):
        names = [f'{match[1]}{part}.{match[2]}' for part in ('query', 'key', 'value')]
        missing = [name for name in names if name not in state_dict]
        if missing:
            raise ValueError(f'There is {names[0]}, but no {" and no ".join(missing)}.')
        joined[f'{match[1]}qkv.{match[2]}'] = torch.cat([joined.pop(name) for name in names])
    return joined


def convert_htsat(state_dict: Mapping[str, Tensor]) -> Conversion:
    """The weights of HTS-AT in a file of its authors, of CLAP or of mmavs.

    Args:
        state_dict (Mapping[str, Tensor]): By whichever names.

    Returns:
        Conversion: Tensors by the names of :class:`mmavs.models.HTSAT`.

    Raises:
        ValueError: If a tensor is not known.
    """
    if any(name.startswith('swin.') for name in state_dict):
        return Conversion(dict(state_dict))
    if any(name.startswith(CLAP) for name in state_dict):
        return convert(join_qkv(state_dict), clap_rules())
    official = LIGHTNING if any(name.startswith(LIGHTNING) for name in state_dict) else ''
    return convert(state_dict, htsat_rules(official, ours=''))

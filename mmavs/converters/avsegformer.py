# Copyright (c) mmavs developers. All rights reserved.
"""Names of the official AVSegFormer checkpoints (sheet avsegformer.md, section 10)."""

from collections.abc import Mapping

from torch import Tensor

from .rules import Conversion, Drop, Rename, convert

_DEAD_HEAD = 'created by the official head but never used in its forward'
_DEAD_BRANCH = 'second branch of the official two-branch ResNet, never run'

_HEAD = 'decode_head.'
_PIXELS = f'{_HEAD}pixel_decoder.'
_ENCODER = f'{_PIXELS}encoder.layers.'
_DECODER = f'{_HEAD}decoder.layers.'
_QUERIES = f'{_HEAD}query_generator.'


def _norms(source: str, target: str, number: int) -> list[Rename]:
    """``norm1..`` of the official layers are ``norms.0..`` here."""
    return [
        Rename(rf'{source}(\d+)\.norm{i + 1}\.', rf'{target}\1.norms.{i}.') for i in range(number)
    ]


def _feedforward(source: str, target: str) -> list[Rename]:
    """``linear1``, ``linear2`` of the official layers are mmcv's ``FFN`` here."""
    return [
        Rename(rf'{source}(\d+)\.linear1\.', rf'{target}\1.ffn.layers.0.0.'),
        Rename(rf'{source}(\d+)\.linear2\.', rf'{target}\1.ffn.layers.1.'),
    ]


_ENCODER_SOURCE = r'head\.transformer\.encoder\.layers\.'
_DECODER_SOURCE = r'head\.transformer\.decoder\.layers\.'
_QUERY_SOURCE = r'head\.query_generator\.layers\.'
_ATTENTIONS = r'(self_attn|cross_attn)\.'
_DEFORMABLE = r'(self_attn\.(?:sampling_offsets|attention_weights|value_proj|output_proj)\.)'

HEAD_RULES = [
    Drop(r'head\.fpn\.', _DEAD_HEAD),
    Drop(r'head\.attn_fc\.', _DEAD_HEAD),
    Rename(r'vggish\.((?:features|embeddings)\.)', r'audio_encoder.\1'),
    Drop(r'vggish\.pproc\.', 'PCA of the audio vectors, switched off in every official config'),
    Rename(r'audio_proj\.', f'{_HEAD}audio_proj.'),
    Rename(r'head\.level_embed$', f'{_PIXELS}level_embed'),
    Rename(r'head\.learnable_query\.', f'{_QUERIES}learnable_query.'),
    Rename(r'head\.query_generator\.query\.', f'{_QUERIES}query.'),
    *_norms(_QUERY_SOURCE, f'{_QUERIES}layers.', 3),
    Rename(rf'{_QUERY_SOURCE}(\d+)\.{_ATTENTIONS}', rf'{_QUERIES}layers.\1.\2.'),
    Rename(rf'{_QUERY_SOURCE}(\d+)\.ffn\.', rf'{_QUERIES}layers.\1.ffn.'),
    *_norms(_ENCODER_SOURCE, _ENCODER, 2),
    *_feedforward(_ENCODER_SOURCE, _ENCODER),
    Rename(rf'{_ENCODER_SOURCE}(\d+)\.{_DEFORMABLE}', rf'{_ENCODER}\1.\2'),
    *_norms(_DECODER_SOURCE, _DECODER, 3),
    *_feedforward(_DECODER_SOURCE, _DECODER),
    Rename(rf'{_DECODER_SOURCE}(\d+)\.{_ATTENTIONS}', rf'{_DECODER}\1.\2.attn.'),
    Rename(r'head\.in_proj\.(\d+)\.0\.', rf'{_PIXELS}input_projs.\1.conv.'),
    Rename(r'head\.in_proj\.(\d+)\.1\.', rf'{_PIXELS}input_projs.\1.gn.'),
    Rename(r'head\.lateral_conv\.0\.', f'{_PIXELS}lateral_conv.conv.'),
    Rename(r'head\.lateral_conv\.1\.', f'{_PIXELS}lateral_conv.gn.'),
    Rename(r'head\.out_conv\.0\.', f'{_PIXELS}output_conv.conv.'),
    Rename(r'head\.out_conv\.1\.', f'{_PIXELS}output_conv.gn.'),
    Rename(r'head\.fusion_block\.proj\.', f'{_HEAD}mixer.out_proj.'),
    Rename(r'head\.fusion_block\.(q_proj|kv_proj)\.', rf'{_HEAD}mixer.\1.'),
    Rename(r'head\.mlp\.layers\.0\.', f'{_HEAD}map_mlp.0.'),
    Rename(r'head\.mlp\.layers\.1\.', f'{_HEAD}map_mlp.2.'),
    Rename(r'head\.mlp\.layers\.2\.', f'{_HEAD}map_mlp.4.'),
    Rename(r'head\.fc\.', f'{_HEAD}predictor.'),
]

RESNET_RULES = [
    Drop(r'backbone\.layer[34]_2\.', _DEAD_BRANCH),
    Rename(r'backbone\.layer([34])_1\.', r'backbone.layer\1.'),
    Rename(r'backbone\.(conv1|bn1|layer[12])\.', r'backbone.\1.'),
]

PVT_RULES = [
    Rename(r'backbone\.patch_embed1\.', 'backbone.patch_embed.'),
    *(
        Rename(rf'backbone\.patch_embed{i + 1}\.', f'backbone.stages.{i}.downsample.')
        for i in (1, 2, 3)
    ),
    *(
        rule
        for i in range(4)
        for rule in (
            Rename(
                rf'backbone\.block{i + 1}\.(\d+)\.mlp\.dwconv\.dwconv\.',
                rf'backbone.stages.{i}.blocks.\1.mlp.dwconv.',
            ),
            Rename(rf'backbone\.block{i + 1}\.', f'backbone.stages.{i}.blocks.'),
            Rename(rf'backbone\.norm{i + 1}\.', f'backbone.stages.{i}.norm.'),
        )
    ),
]


def convert_avsegformer(state_dict: Mapping[str, Tensor]) -> Conversion:
    """Rename an official AVSegFormer state dict, of either backbone and any of the three tasks.

    Args:
        state_dict (Mapping[str, Tensor]): Official names, without ``module.``.

    Returns:
        Conversion: Tensors for :class:`mmavs.models.AVSegmentor` with an ``AVSegFormerHead``.

    Raises:
        ValueError: If a tensor is not known.
    """
    is_pvt = any(key.startswith('backbone.patch_embed1.') for key in state_dict)
    return convert(state_dict, [*(PVT_RULES if is_pvt else RESNET_RULES), *HEAD_RULES])

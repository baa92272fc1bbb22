# Copyright (c) mmavs developers. All rights reserved.
"""Names of the official AVSegFormer checkpoints (sheet avsegformer.md, section 10)."""

from .converter import Converter
from .encoders import pvt_rules, resnet_rules, vggish_rules
from .rules import Drop, Rename, Rule

_HEAD = 'decode_head.'
_PIXELS = f'{_HEAD}pixel_decoder.'
_QUERIES = f'{_HEAD}query_generator.'
_DEAD = 'created by the official head but never used in its forward'


def _transformer(part: str, ours: str) -> list[Rule]:
    """What the layers of the official encoder and decoder have in common."""
    layer, our_layer = f'head.transformer.{part}.layers.{{n}}.', f'{ours}layers.{{n}}.'
    return [
        Rename(f'{layer}norm{{i+1}}.', f'{our_layer}norms.{{i}}.'),
        Rename(f'{layer}linear1.', f'{our_layer}ffn.layers.0.0.'),  # mmcv's FFN
        Rename(f'{layer}linear2.', f'{our_layer}ffn.layers.1.'),
    ]


def _attentions(layer: str, our_layer: str, wrapper: str = '') -> list[Rule]:
    """Self- and cross-attention; mmcv wraps torch's module as ``attn``."""
    return [
        Rename(f'{layer}{kind}.', f'{our_layer}{kind}.{wrapper}')
        for kind in ('self_attn', 'cross_attn')
    ]


def _projection(official: str, ours: str) -> list[Rule]:
    """A convolution and its group norm."""
    return [Rename(f'{official}0.', f'{ours}conv.'), Rename(f'{official}1.', f'{ours}gn.')]


_LAYER = 'head.query_generator.layers.{n}.'
_OUR_LAYER = f'{_QUERIES}layers.{{n}}.'

_QUERY_RULES = [
    Rename('head.learnable_query.', f'{_QUERIES}learnable_query.'),
    Rename('head.query_generator.query.', f'{_QUERIES}query.'),
    Rename(f'{_LAYER}norm{{i+1}}.', f'{_OUR_LAYER}norms.{{i}}.'),
    Rename(f'{_LAYER}ffn.', f'{_OUR_LAYER}ffn.'),
    *_attentions(_LAYER, _OUR_LAYER),
]

_TRANSFORMER_RULES = [
    *_transformer('encoder', f'{_PIXELS}encoder.'),
    Rename(
        'head.transformer.encoder.layers.{n}.self_attn.',
        f'{_PIXELS}encoder.layers.{{n}}.self_attn.',
    ),
    *_transformer('decoder', f'{_HEAD}decoder.'),
    *_attentions(
        'head.transformer.decoder.layers.{n}.', f'{_HEAD}decoder.layers.{{n}}.', wrapper='attn.'
    ),
]

_MASK_RULES = [
    Rename('head.level_embed', f'{_PIXELS}level_embed'),
    *_projection('head.in_proj.{i}.', f'{_PIXELS}input_projs.{{i}}.'),
    *_projection('head.lateral_conv.', f'{_PIXELS}lateral_conv.'),
    *_projection('head.out_conv.', f'{_PIXELS}output_conv.'),
    Rename('head.fusion_block.proj.', f'{_HEAD}mixer.out_proj.'),
    Rename('head.fusion_block.', f'{_HEAD}mixer.'),
    *(Rename(f'head.mlp.layers.{i}.', f'{_HEAD}map_mlp.{2 * i}.') for i in range(3)),
    Rename('head.fc.', f'{_HEAD}predictor.'),
    Drop('head.attn_fc.', _DEAD, twin='head.fc.'),
    *(Drop(f'head.fpn.up{i}.1.', _DEAD, twin='head.out_conv.0.') for i in (1, 2, 3)),
]

AVSEGFORMER = Converter(
    backbones=dict(resnet=resnet_rules('backbone.', branches=2), pvt=pvt_rules('backbone.')),
    rules=[
        *vggish_rules('vggish.'),
        Rename('audio_proj.', f'{_HEAD}audio_proj.'),
        *_QUERY_RULES,
        *_TRANSFORMER_RULES,
        *_MASK_RULES,
    ],
)
"""Converter: AVSegFormer with either backbone, for any of the three tasks."""

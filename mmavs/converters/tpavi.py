# Copyright (c) mmavs developers. All rights reserved.
"""Names of the official TPAVI checkpoints (sheet tpavi.md, section 10)."""

from .converter import Converter
from .encoders import pvt_rules, resnet_rules
from .rules import Drop, Extra, Rename, Rule, squeeze_kernel

_HEAD = 'decode_head.'
_BLOCK = 'tpavi_b{i+1}.'
_FUSION = f'{_HEAD}fusions.{{i}}.'


def _pointwise(official: str, ours: str) -> list[Rule]:
    """A 1x1x1 Conv3d, which is a Linear here."""
    return [
        Rename(f'{official}weight', f'{ours}weight', squeeze_kernel(3)),
        Rename(f'{official}bias', f'{ours}bias'),
    ]


TPAVI = Converter(
    backbones=dict(
        resnet=resnet_rules('resnet.', branches=2),
        pvt=pvt_rules('encoder_backbone.'),
    ),
    rules=[
        Extra('audio_encoder.', 'the official code has VGGish in a file of its own'),
        Rename('conv{i+1}.conv2d_list.{j}.', f'{_HEAD}classifiers.{{i}}.convs.{{j}}.'),
        Rename(f'{_BLOCK}align_channel.', f'{_FUSION}audio_proj.'),
        *_pointwise(f'{_BLOCK}g.', f'{_FUSION}g.'),
        *_pointwise(f'{_BLOCK}theta.', f'{_FUSION}theta.'),
        *_pointwise(f'{_BLOCK}phi.', f'{_FUSION}phi.'),
        *_pointwise(f'{_BLOCK}W_z.0.', f'{_FUSION}out_proj.'),
        Rename(f'{_BLOCK}W_z.1.', f'{_FUSION}bn.'),
        Rename(f'{_BLOCK}norm_layer.', f'{_FUSION}norm.'),
        Drop(
            'path4.resConfUnit1.',
            'the coarsest stage has nothing finer to fuse with, so this unit is never run',
            twin='path4.resConfUnit2.',
        ),
        *(
            Rename(
                f'path{{i+1}}.resConfUnit{j}.', f'{_HEAD}pixel_decoder.fusions.{{i}}.residual{j}.'
            )
            for j in (1, 2)
        ),
        Rename('output_conv.', f'{_HEAD}predictor.'),
    ],
)
"""Converter: TPAVI with either backbone, for any of the three tasks."""

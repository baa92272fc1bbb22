# Copyright (c) mmavs developers. All rights reserved.
"""Names of the official VCT and COMBO checkpoints (sheets vct.md, section 11; combo.md, 8)."""

from collections.abc import Callable

from .converter import Converter
from .encoders import detectron2_resnet_rules, pvt_rules, swin_rules, vggish_rules
from .query_generators import QUERY_GENERATOR_RULES
from .query_head_rules import (
    AUDIO_MLP_RULES,
    BILATERAL_FUSION_RULES,
    DECODER_RULES,
    PIXEL_DECODER_RULES,
)
from .rules import Drop, Rename, Rule


def _with_maskige(rules: Callable[[str, str], list[Rule]]) -> list[Rule]:
    """Rules of the backbone of the frames and of its twin for the Maskiges."""
    return [*rules('backbone.', 'backbone.'), *rules('pre_sam_backbone.', 'maskige_backbone.')]


_BACKBONES = dict(resnet=_with_maskige(detectron2_resnet_rules), pvt=_with_maskige(pvt_rules))
_SHARED = [
    Rename('scale_factor_module.{i}.', 'maskige_gate.gates.{i}.'),
    *PIXEL_DECODER_RULES,
    *QUERY_GENERATOR_RULES,
    *DECODER_RULES,
    *AUDIO_MLP_RULES,
    Drop('criterion.empty_weight', 'weights of the classes in the loss, which the config has'),
]
_PAC = 'decode_head.loss_pac.'
_CLASSIFIER = dict(classifier='decode_head.predictor.cls_embed.weight', no_object=True)
_VERSIONS = {'sem_seg_head': 2}

COMBO = Converter(
    backbones=_BACKBONES,
    rules=[*_SHARED, *BILATERAL_FUSION_RULES, *vggish_rules('audio_backbone.')],
    versions=_VERSIONS,
    **_CLASSIFIER,
)
"""Converter: COMBO with either backbone, for any of the three tasks."""

VCT = Converter(
    backbones=dict(**_BACKBONES, swin=_with_maskige(swin_rules)),
    rules=[
        *_SHARED,
        Drop('audio_backbone.embeddings.', 'FC layers of VGGish, whose map alone is read'),
        *vggish_rules('audio_backbone.'),
        Rename('sem_seg_head.predictor.audio_proj.', f'{_PAC}audio_proj.'),
        Rename('sem_seg_head.predictor.proto_proj.', f'{_PAC}proto_proj.'),
        Rename('criterion.logit_scale', f'{_PAC}logit_scale'),
    ],
    versions=_VERSIONS,
    **_CLASSIFIER,
)
"""Converter: VCT with any backbone, for any of the three tasks. The model has
``audio_encoder.with_fc=False``; MS3 has no prototypes and so no ``loss_pac``."""

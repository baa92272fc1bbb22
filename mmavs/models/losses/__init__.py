# Copyright (c) mmavs developers. All rights reserved.
from .audio_visual_mapping import AudioVisualMappingLoss
from .mask_objectives import (
    BinaryCrossEntropyLoss,
    BinaryMaskLoss,
    LinearMixingLoss,
    MixingLoss,
    SemanticDiceLoss,
    SemanticMaskLoss,
)

__all__ = [
    'AudioVisualMappingLoss',
    'BinaryCrossEntropyLoss',
    'BinaryMaskLoss',
    'LinearMixingLoss',
    'MixingLoss',
    'SemanticDiceLoss',
    'SemanticMaskLoss',
]

# Copyright (c) mmavs developers. All rights reserved.
from .audio_visual_mapping import AudioVisualMappingLoss
from .mask_objectives import BinaryCrossEntropyLoss, BinaryMaskLoss, MixingLoss, SemanticMaskLoss

__all__ = [
    'AudioVisualMappingLoss',
    'BinaryCrossEntropyLoss',
    'BinaryMaskLoss',
    'MixingLoss',
    'SemanticMaskLoss',
]

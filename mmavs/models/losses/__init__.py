# Copyright (c) mmavs developers. All rights reserved.
from .mask_objectives import (
    BinaryCrossEntropyLoss,
    BinaryMaskLoss,
    LinearMixingLoss,
    MixingLoss,
    SemanticDiceLoss,
    SemanticMaskLoss,
)

__all__ = [
    'BinaryCrossEntropyLoss',
    'BinaryMaskLoss',
    'LinearMixingLoss',
    'MixingLoss',
    'SemanticDiceLoss',
    'SemanticMaskLoss',
]

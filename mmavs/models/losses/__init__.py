# Copyright (c) mmavs developers. All rights reserved.
from .audio_visual_mapping import AudioVisualMappingLoss
from .audio_visual_similarity import AudioVisualSimilarity
from .batched_matching import (
    BatchedClassificationCost,
    BatchedCrossEntropyLossCost,
    BatchedDiceCost,
    BatchedHungarianAssigner,
)
from .ce_dice_iou import CEDiceIoULoss
from .group_contrast import GroupContrast
from .inter_frame_consistency import InterFrameConsistency
from .mask_matching import MaskMatchingCriterion
from .mask_objectives import (
    BinaryCrossEntropyLoss,
    BinaryMaskLoss,
    LinearMixingLoss,
    MixingLoss,
    SemanticDiceLoss,
    SemanticMaskLoss,
)
from .prototype_audio_contrast import PrototypeAudioContrast
from .prototype_visual_contrast import PrototypeVisualContrast

__all__ = [
    'AudioVisualMappingLoss',
    'AudioVisualSimilarity',
    'BatchedClassificationCost',
    'BatchedCrossEntropyLossCost',
    'BatchedDiceCost',
    'BatchedHungarianAssigner',
    'BinaryCrossEntropyLoss',
    'BinaryMaskLoss',
    'CEDiceIoULoss',
    'GroupContrast',
    'InterFrameConsistency',
    'LinearMixingLoss',
    'MaskMatchingCriterion',
    'MixingLoss',
    'PrototypeAudioContrast',
    'PrototypeVisualContrast',
    'SemanticDiceLoss',
    'SemanticMaskLoss',
]

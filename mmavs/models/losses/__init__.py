# Copyright (c) mmavs developers. All rights reserved.
from .audio_visual_mapping import AudioVisualMappingLoss
from .audio_visual_similarity import AudioVisualSimilarity
from .batched_matching import (
    BatchedClassificationCost,
    BatchedCrossEntropyLossCost,
    BatchedDiceCost,
    BatchedFocalLossCost,
    BatchedHungarianAssigner,
)
from .ce_dice_iou import CEDiceIoULoss
from .conditional_prompt_loss import ConditionalPromptLoss
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
from .pixel_audio_contrast import PixelAudioContrast
from .prototype_audio_contrast import PrototypeAudioContrast
from .prototype_visual_contrast import PrototypeVisualContrast
from .spectrogram_unmixing import SpectrogramUnmixing

__all__ = [
    'AudioVisualMappingLoss',
    'AudioVisualSimilarity',
    'BatchedClassificationCost',
    'BatchedCrossEntropyLossCost',
    'BatchedDiceCost',
    'BatchedFocalLossCost',
    'BatchedHungarianAssigner',
    'BinaryCrossEntropyLoss',
    'BinaryMaskLoss',
    'ConditionalPromptLoss',
    'CEDiceIoULoss',
    'GroupContrast',
    'InterFrameConsistency',
    'LinearMixingLoss',
    'MaskMatchingCriterion',
    'MixingLoss',
    'PixelAudioContrast',
    'PrototypeAudioContrast',
    'PrototypeVisualContrast',
    'SemanticDiceLoss',
    'SemanticMaskLoss',
    'SpectrogramUnmixing',
]

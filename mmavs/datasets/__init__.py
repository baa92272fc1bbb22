# Copyright (c) mmavs developers. All rights reserved.
from .avsbench_ms3 import AVSBenchMS3Dataset
from .avsbench_s4 import AVSBenchS4Dataset
from .avsbench_semantic import AVSBenchSemanticDataset
from .base_avs_dataset import BaseAVSDataset
from .transforms import (
    ClipBroadcaster,
    ClipColorJitter,
    ClipPhotoMetricDistortion,
    FlipStereo,
    LoadClipAudio,
    LoadClipFrames,
    LoadClipLogMel,
    LoadClipMaskiges,
    LoadClipMasks,
    LoadMixedAudio,
    PackAVSInputs,
    PillowResize,
    RandomClipFrames,
    ResizeShortSide,
    SquareClip,
)
from .vpo import VPODataset

__all__ = [
    'AVSBenchMS3Dataset',
    'AVSBenchS4Dataset',
    'AVSBenchSemanticDataset',
    'BaseAVSDataset',
    'ClipBroadcaster',
    'ClipColorJitter',
    'ClipPhotoMetricDistortion',
    'FlipStereo',
    'LoadClipAudio',
    'LoadClipFrames',
    'LoadClipLogMel',
    'LoadClipMaskiges',
    'LoadClipMasks',
    'LoadMixedAudio',
    'PackAVSInputs',
    'PillowResize',
    'RandomClipFrames',
    'ResizeShortSide',
    'SquareClip',
    'VPODataset',
]

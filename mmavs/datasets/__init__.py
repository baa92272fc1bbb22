# Copyright (c) mmavs developers. All rights reserved.
from .avsbench_ms3 import AVSBenchMS3Dataset
from .avsbench_s4 import AVSBenchS4Dataset
from .base_avs_dataset import BaseAVSDataset
from .transforms import (
    ClipBroadcaster,
    ClipPhotoMetricDistortion,
    FlipStereo,
    LoadClipAudio,
    LoadClipFrames,
    LoadClipLogMel,
    LoadClipMasks,
    PackAVSInputs,
    RandomClipFrames,
)

__all__ = [
    'AVSBenchMS3Dataset',
    'AVSBenchS4Dataset',
    'BaseAVSDataset',
    'ClipBroadcaster',
    'ClipPhotoMetricDistortion',
    'FlipStereo',
    'LoadClipAudio',
    'LoadClipFrames',
    'LoadClipLogMel',
    'LoadClipMasks',
    'PackAVSInputs',
    'RandomClipFrames',
]

# Copyright (c) mmavs developers. All rights reserved.
from .audio import FlipStereo, LoadClipAudio, LoadClipLogMel
from .clip import ClipBroadcaster, ClipPhotoMetricDistortion
from .formatting import PackAVSInputs
from .loading import LoadClipFrames, LoadClipMasks
from .sampling import RandomClipFrames

__all__ = [
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

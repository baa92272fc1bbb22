# Copyright (c) mmavs developers. All rights reserved.
from .audio import FlipStereo, LoadClipAudio, LoadClipLogMel
from .clip import ClipBroadcaster, ClipPhotoMetricDistortion
from .colour_jitter import ClipColorJitter
from .formatting import PackAVSInputs
from .geometry import ResizeShortSide, SquareClip
from .loading import LoadClipFrames, LoadClipMasks
from .maskige import LoadClipMaskiges
from .mixed_audio import LoadMixedAudio
from .object_crop import RandomObjectCrop
from .pillow_resize import PillowResize
from .sampling import RandomClipFrames

__all__ = [
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
    'RandomObjectCrop',
    'ResizeShortSide',
    'SquareClip',
]

# Copyright (c) mmavs developers. All rights reserved.
"""The synthetic benchmark and helpers for tests: importable by tests, demos and users."""

from .audio_blind import BlindScore, best_blind_union, expected_iou
from .clip import Soundtrack, SynthClip
from .goldens import (
    fill_array,
    fill_inputs,
    golden_error,
    golden_state_dict,
    load_golden,
    official_state_dict,
)
from .sound_classes import SOUND_CLASSES, SoundClass
from .sounding import SoundingProcess, SoundingTimeline
from .synth_avs import SynthAVS
from .synth_video import VideoTruth

__all__ = [
    'SOUND_CLASSES',
    'BlindScore',
    'SoundClass',
    'SoundingProcess',
    'SoundingTimeline',
    'Soundtrack',
    'SynthAVS',
    'SynthClip',
    'VideoTruth',
    'best_blind_union',
    'expected_iou',
    'fill_array',
    'fill_inputs',
    'golden_error',
    'golden_state_dict',
    'load_golden',
    'official_state_dict',
]

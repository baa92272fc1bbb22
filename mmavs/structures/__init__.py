# Copyright (c) mmavs developers. All rights reserved.
from .avs_data_sample import IGNORE_INDEX, AVSDataSample
from .clip_layout import ClipLayout
from .outputs import AudioFeatures, MaskOutputs, QueryOutputs, SemanticMerge

__all__ = [
    'IGNORE_INDEX',
    'AVSDataSample',
    'AudioFeatures',
    'ClipLayout',
    'MaskOutputs',
    'QueryOutputs',
    'SemanticMerge',
]

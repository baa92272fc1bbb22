# Copyright (c) mmavs developers. All rights reserved.
from .avs_data_sample import IGNORE_INDEX, AVSDataSample
from .outputs import AudioFeatures, MaskOutputs

__all__ = ['IGNORE_INDEX', 'AVSDataSample', 'AudioFeatures', 'MaskOutputs']

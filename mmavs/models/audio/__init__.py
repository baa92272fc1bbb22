# Copyright (c) mmavs developers. All rights reserved.
from .audio_mlp import AudioMLP
from .decibel_mel import DecibelMelFrontend
from .htsat import HTSAT
from .log_mel import LogMelFrontend
from .vggish import VGGish

__all__ = ['HTSAT', 'AudioMLP', 'DecibelMelFrontend', 'LogMelFrontend', 'VGGish']

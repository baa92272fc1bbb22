# Copyright (c) mmavs developers. All rights reserved.
from .audio_mlp import AudioMLP
from .disjoint_mixing import DisjointMixing
from .log_mel import LogMelFrontend
from .vggish import VGGish

__all__ = ['AudioMLP', 'DisjointMixing', 'LogMelFrontend', 'VGGish']

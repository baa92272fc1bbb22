# Copyright (c) mmavs developers. All rights reserved.
from .audio_mlp import AudioMLP
from .audio_resnet import AudioResNet
from .decibel_mel import DecibelMelFrontend
from .disjoint_mixing import DisjointMixing
from .example_encoder import ExampleEncoder
from .htsat import HTSAT
from .log_mel import LogMelFrontend
from .vggish import VGGish

__all__ = [
    'HTSAT',
    'AudioMLP',
    'AudioResNet',
    'DecibelMelFrontend',
    'DisjointMixing',
    'ExampleEncoder',
    'LogMelFrontend',
    'VGGish',
]

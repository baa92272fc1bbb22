# Copyright (c) mmavs developers. All rights reserved.
from .audio_mlp import AudioMLP
from .audio_resnet import AudioResNet
from .disjoint_mixing import DisjointMixing
from .example_encoder import ExampleEncoder
from .log_mel import LogMelFrontend
from .vggish import VGGish

__all__ = [
    'AudioMLP',
    'AudioResNet',
    'DisjointMixing',
    'ExampleEncoder',
    'LogMelFrontend',
    'VGGish',
]

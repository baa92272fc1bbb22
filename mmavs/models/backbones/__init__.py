# Copyright (c) mmavs developers. All rights reserved.
from .mix_vision_transformer import MixVisionTransformer
from .pvt_v2 import PVTv2
from .swin import SwinTransformer

__all__ = ['MixVisionTransformer', 'PVTv2', 'SwinTransformer']

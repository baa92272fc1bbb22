# Copyright (c) mmavs developers. All rights reserved.
from .pvt_v2 import PVTv2
from .swin import SwinTransformer

__all__ = ['PVTv2', 'SwinTransformer']

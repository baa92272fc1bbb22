# Copyright (c) mmavs developers. All rights reserved.
from .avsegformer_pixel_decoder import AVSegFormerPixelDecoder
from .deformable_attention import DeformableAttention, DeformableEncoder, DeformableEncoderLayer

__all__ = [
    'AVSegFormerPixelDecoder',
    'DeformableAttention',
    'DeformableEncoder',
    'DeformableEncoderLayer',
]

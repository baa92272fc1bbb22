# Copyright (c) mmavs developers. All rights reserved.
from .avsegformer_pixel_decoder import AVSegFormerPixelDecoder
from .deformable_attention import DeformableAttention, DeformableEncoder, DeformableEncoderLayer
from .refine_decoder import RefineDecoder

__all__ = [
    'AVSegFormerPixelDecoder',
    'DeformableAttention',
    'DeformableEncoder',
    'DeformableEncoderLayer',
    'RefineDecoder',
]

# Copyright (c) mmavs developers. All rights reserved.
from .aqformer_pixel_decoder import AQFormerPixelDecoder
from .avsegformer_pixel_decoder import AVSegFormerPixelDecoder
from .deformable_attention import DeformableAttention, DeformableEncoder, DeformableEncoderLayer
from .mlp_decoder import MLPDecoder
from .ms_deform_pixel_decoder import MSDeformPixelDecoder
from .refine_decoder import RefineDecoder

__all__ = [
    'AQFormerPixelDecoder',
    'AVSegFormerPixelDecoder',
    'DeformableAttention',
    'DeformableEncoder',
    'DeformableEncoderLayer',
    'MLPDecoder',
    'MSDeformPixelDecoder',
    'RefineDecoder',
]

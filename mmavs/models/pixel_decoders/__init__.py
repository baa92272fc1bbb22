# Copyright (c) mmavs developers. All rights reserved.
from .avsegformer_pixel_decoder import AVSegFormerPixelDecoder
from .deformable_attention import DeformableAttention, DeformableEncoder, DeformableEncoderLayer
from .mlp_decoder import MLPDecoder
from .ms_deform_pixel_decoder import MSDeformPixelDecoder
from .refine_decoder import RefineDecoder

__all__ = [
    'AVSegFormerPixelDecoder',
    'DeformableAttention',
    'DeformableEncoder',
    'DeformableEncoderLayer',
    'MLPDecoder',
    'MSDeformPixelDecoder',
    'RefineDecoder',
]

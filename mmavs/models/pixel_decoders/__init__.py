# Copyright (c) mmavs developers. All rights reserved.
from .audio_pixel_decoder import AudioPixelDecoder
from .avsegformer_pixel_decoder import AVSegFormerPixelDecoder
from .deformable_attention import DeformableAttention, DeformableEncoder, DeformableEncoderLayer
from .ms_deform_pixel_decoder import MSDeformPixelDecoder
from .refine_decoder import RefineDecoder

__all__ = [
    'AVSegFormerPixelDecoder',
    'AudioPixelDecoder',
    'DeformableAttention',
    'DeformableEncoder',
    'DeformableEncoderLayer',
    'MSDeformPixelDecoder',
    'RefineDecoder',
]

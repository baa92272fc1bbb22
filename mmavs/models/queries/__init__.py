# Copyright (c) mmavs developers. All rights reserved.
from .audio_derived_query_generator import AudioDerivedQueryGenerator
from .audio_query_generator import AudioQueryGenerator
from .frame_query_generator import FrameQueryGenerator
from .learned_query_generator import LearnedQueryGenerator
from .prototype_prompted_query_generator import PrototypePromptedQueryGenerator

__all__ = [
    'AudioDerivedQueryGenerator',
    'AudioQueryGenerator',
    'FrameQueryGenerator',
    'LearnedQueryGenerator',
    'PrototypePromptedQueryGenerator',
]

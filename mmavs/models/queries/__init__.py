# Copyright (c) mmavs developers. All rights reserved.
from .audio_query_generator import AudioQueryGenerator

__all__ = ['AudioQueryGenerator']

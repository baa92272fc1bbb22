# Copyright (c) mmavs developers. All rights reserved.
from .memory_decoder import MemoryDecoder

__all__ = ['MemoryDecoder']

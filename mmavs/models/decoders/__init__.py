# Copyright (c) mmavs developers. All rights reserved.
from .masked_query_decoder import DecodedQueries, MaskedQueryDecoder
from .memory_decoder import MemoryDecoder

__all__ = ['DecodedQueries', 'MaskedQueryDecoder', 'MemoryDecoder']

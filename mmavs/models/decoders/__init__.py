# Copyright (c) mmavs developers. All rights reserved.
from .clip_query_decoder import ClipQueryDecoder
from .masked_query_decoder import DecodedQueries, MaskedQueryDecoder
from .memory_decoder import MemoryDecoder

__all__ = ['ClipQueryDecoder', 'DecodedQueries', 'MaskedQueryDecoder', 'MemoryDecoder']

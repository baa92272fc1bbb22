# Copyright (c) mmavs developers. All rights reserved.
from .log_mel import LogMelFrontend
from .vggish import VGGish

__all__ = ['LogMelFrontend', 'VGGish']

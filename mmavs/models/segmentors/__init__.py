# Copyright (c) mmavs developers. All rights reserved.
from .avsegmentor import AVSegmentor
from .cpm_segmentor import CPMSegmentor

__all__ = ['AVSegmentor', 'CPMSegmentor']

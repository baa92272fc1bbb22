# Copyright (c) mmavs developers. All rights reserved.
from .avsegmentor import AVSegmentor

__all__ = ['AVSegmentor']

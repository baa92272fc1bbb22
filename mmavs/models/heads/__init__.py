# Copyright (c) mmavs developers. All rights reserved.
from .avsegformer_head import AVSegFormerHead
from .tpavi_head import TPAVIHead

__all__ = ['AVSegFormerHead', 'TPAVIHead']

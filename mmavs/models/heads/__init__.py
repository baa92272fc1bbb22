# Copyright (c) mmavs developers. All rights reserved.
from .aqformer_head import AQFormerHead
from .avsegformer_head import AVSegFormerHead
from .query_mask_head import QueryMaskHead
from .query_mask_predictor import QueryMaskPredictor
from .tpavi_head import TPAVIHead

__all__ = ['AQFormerHead', 'AVSegFormerHead', 'QueryMaskHead', 'QueryMaskPredictor', 'TPAVIHead']

# Copyright (c) mmavs developers. All rights reserved.
from .aqformer_head import AQFormerHead
from .avsegformer_head import AVSegFormerHead
from .query_mask_head import QueryMaskHead
from .query_mask_predictor import QueryMaskPredictor
from .ravs_head import RAVSHead
from .tpavi_head import TPAVIHead
from .uncertainty_refinement import UncertaintyRefinement

__all__ = [
    'AQFormerHead',
    'AVSegFormerHead',
    'QueryMaskHead',
    'QueryMaskPredictor',
    'RAVSHead',
    'TPAVIHead',
    'UncertaintyRefinement',
]

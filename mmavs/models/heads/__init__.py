# Copyright (c) mmavs developers. All rights reserved.
from .avsegformer_head import AVSegFormerHead
from .cpm_head import CPMHead, PromptOutputs
from .query_mask_head import QueryMaskHead
from .query_mask_predictor import QueryMaskPredictor
from .tpavi_head import TPAVIHead

__all__ = [
    'AVSegFormerHead',
    'CPMHead',
    'PromptOutputs',
    'QueryMaskHead',
    'QueryMaskPredictor',
    'TPAVIHead',
]

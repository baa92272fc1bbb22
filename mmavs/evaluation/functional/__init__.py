# Copyright (c) mmavs developers. All rights reserved.
from .f_measure import (
    f_curve,
    precision_recall,
    threshold_histogram,
    threshold_index,
    thresholds,
)
from .mask_iou import mask_iou

__all__ = [
    'f_curve',
    'mask_iou',
    'precision_recall',
    'threshold_histogram',
    'threshold_index',
    'thresholds',
]

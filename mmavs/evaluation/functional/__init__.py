# Copyright (c) mmavs developers. All rights reserved.
from .class_areas import ClassAreas, class_areas, is_multi_source
from .f_measure import (
    f_curve,
    precision_recall,
    threshold_histogram,
    threshold_index,
    thresholds,
)
from .mask_iou import mask_iou
from .per_dataset import DatasetScores, dataset_scores
from .query_scores import class_coverage, matching_stability
from .robustness import activated_area, global_score
from .semantic_scores import (
    ClassScores,
    add_background_frames,
    class_means,
    frame_class_scores,
)
from .two_channel import two_channel_scores

__all__ = [
    'ClassAreas',
    'ClassScores',
    'DatasetScores',
    'activated_area',
    'add_background_frames',
    'class_areas',
    'class_coverage',
    'class_means',
    'dataset_scores',
    'f_curve',
    'frame_class_scores',
    'global_score',
    'is_multi_source',
    'mask_iou',
    'matching_stability',
    'precision_recall',
    'threshold_histogram',
    'threshold_index',
    'thresholds',
    'two_channel_scores',
]

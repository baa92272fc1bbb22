# Copyright (c) mmavs developers. All rights reserved.
from .audio_robustness_metric import AudioRobustnessMetric
from .avs_semantic_metric import AVSSemanticMetric
from .avsbench_metric import AVSBenchMetric
from .class_coverage_metric import ClassCoverageMetric
from .confusion_matrix_metric import ConfusionMatrixMetric
from .per_dataset_metric import PerDatasetMetric

__all__ = [
    'AVSBenchMetric',
    'AVSSemanticMetric',
    'AudioRobustnessMetric',
    'ClassCoverageMetric',
    'ConfusionMatrixMetric',
    'PerDatasetMetric',
]

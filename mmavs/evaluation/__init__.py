# Copyright (c) mmavs developers. All rights reserved.
from .metrics import (
    AudioRobustnessMetric,
    AVSBenchMetric,
    AVSSemanticMetric,
    ClassCoverageMetric,
    ConfusionMatrixMetric,
    PerDatasetMetric,
)

__all__ = [
    'AVSBenchMetric',
    'AVSSemanticMetric',
    'AudioRobustnessMetric',
    'ClassCoverageMetric',
    'ConfusionMatrixMetric',
    'PerDatasetMetric',
]

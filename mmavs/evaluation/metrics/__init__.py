# Copyright (c) mmavs developers. All rights reserved.
from .avsbench_metric import AVSBenchMetric

__all__ = ['AVSBenchMetric']

# Copyright (c) mmavs developers. All rights reserved.
from .metrics import AVSBenchMetric

__all__ = ['AVSBenchMetric']

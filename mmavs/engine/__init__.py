# Copyright (c) mmavs developers. All rights reserved.
from .hooks import AVSVisualizationHook, FreezeHook, IterationSeedHook, MatchingStabilityHook

__all__ = ['AVSVisualizationHook', 'FreezeHook', 'IterationSeedHook', 'MatchingStabilityHook']

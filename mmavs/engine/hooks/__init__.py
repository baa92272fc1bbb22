# Copyright (c) mmavs developers. All rights reserved.
from .freeze_hook import FreezeHook
from .iteration_seed_hook import IterationSeedHook
from .matching_stability_hook import MatchingStabilityHook
from .visualization_hook import AVSVisualizationHook

__all__ = ['AVSVisualizationHook', 'FreezeHook', 'IterationSeedHook', 'MatchingStabilityHook']

# Copyright (c) mmavs developers. All rights reserved.
from .hooks import AVSVisualizationHook, FreezeHook, IterationSeedHook

__all__ = ['AVSVisualizationHook', 'FreezeHook', 'IterationSeedHook']

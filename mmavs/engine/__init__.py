# Copyright (c) mmavs developers. All rights reserved.
from .hooks import AVSVisualizationHook, FreezeHook

__all__ = ['AVSVisualizationHook', 'FreezeHook']

# Copyright (c) mmavs developers. All rights reserved.
from .freeze_hook import FreezeHook
from .visualization_hook import AVSVisualizationHook

__all__ = ['AVSVisualizationHook', 'FreezeHook']

# Copyright (c) mmavs developers. All rights reserved.
from .clip_figure import ClipFigure
from .drawing import overlay_labels
from .item_visualizer import AVSItemVisualizer
from .local_visualizer import AVSLocalVisualizer

__all__ = ['AVSItemVisualizer', 'AVSLocalVisualizer', 'ClipFigure', 'overlay_labels']

# Copyright (c) mmavs developers. All rights reserved.
from .cam_visualizer import AVSCamVisualizer
from .clip_figure import ClipFigure
from .drawing import overlay_labels
from .item_visualizer import AVSItemVisualizer
from .local_visualizer import AVSLocalVisualizer
from .query_maps import QueryMaps
from .query_visualizer import AVSQueryVisualizer

__all__ = [
    'AVSCamVisualizer',
    'AVSItemVisualizer',
    'AVSLocalVisualizer',
    'AVSQueryVisualizer',
    'ClipFigure',
    'QueryMaps',
    'overlay_labels',
]

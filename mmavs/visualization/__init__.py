# Copyright (c) mmavs developers. All rights reserved.
from .cam_visualizer import AVSCamVisualizer
from .clip_figure import ClipFigure
from .drawing import overlay_labels
from .item_visualizer import AVSItemVisualizer
from .local_visualizer import AVSLocalVisualizer
from .map_readers import MAP_READERS, MapRow, read_maps
from .map_visualizer import AVSMapVisualizer
from .query_maps import QueryMaps
from .query_visualizer import AVSQueryVisualizer

__all__ = [
    'MAP_READERS',
    'AVSCamVisualizer',
    'AVSItemVisualizer',
    'AVSLocalVisualizer',
    'AVSMapVisualizer',
    'AVSQueryVisualizer',
    'ClipFigure',
    'MapRow',
    'QueryMaps',
    'overlay_labels',
    'read_maps',
]

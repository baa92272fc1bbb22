# Copyright (c) mmavs developers. All rights reserved.
"""Draw maps that a model makes of clips: uncertainty, relevance, groups, attention, bridge.

docs/en/visualization.md says which models have which, and how to read them.

Example:
    python tools/analysis_tools/visualize_maps.py CONFIG CHECKPOINT --what uncertainty --num-clips 4
"""

import argparse
from typing import Any

import numpy as np
from torch import nn

from mmavs.apis.clip_pictures import add_clip_arguments, draw_clips, parse_clip_args, run_clip
from mmavs.visualization import MAP_READERS, AVSMapVisualizer, read_maps

TOOL = 'tools/analysis_tools/visualize_maps.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_clip_arguments(parser, 'maps')
    parser.add_argument('--what', required=True, choices=MAP_READERS, help='kind of maps')
    return parse_clip_args(parser, 'maps')


def ask_for_attention(model: nn.Module) -> None:
    """Let a head that can keep attention keep it."""
    if hasattr(model.decode_head, 'record_attention'):
        model.decode_head.record_attention = True


def draw(
    model: nn.Module, visualizer: AVSMapVisualizer, item: dict[str, Any], kind: str
) -> tuple[str, np.ndarray]:
    """Name and picture of a clip."""
    sample, outputs, *sizes = run_clip(model, item)
    rows = [row.at_size(*sizes) for row in read_maps(outputs, kind)]
    name, inputs = sample.metainfo['clip_id'], item['inputs']
    title, rate = MAP_READERS[kind].title, sample.metainfo.get('sample_rate')
    picture = visualizer.draw_maps(name, inputs['imgs'], rows, title, sample, inputs['audio'], rate)
    return name, picture


def main() -> None:
    """Draw and write."""
    args = parse_args()
    visualizer = AVSMapVisualizer(name='maps', max_width=args.max_width)
    draw_clips(
        TOOL,
        args,
        visualizer,
        ask_for_attention,
        lambda model, item: draw(model, visualizer, item, args.what),
    )


if __name__ == '__main__':
    main()

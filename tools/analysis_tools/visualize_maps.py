# Copyright (c) mmavs developers. All rights reserved.
"""Draw maps that a model makes of clips: uncertainty, relevance, groups, attention, bridge.

docs/en/visualization.md says which models have which, and how to read them.

Example:
    python tools/analysis_tools/visualize_maps.py CONFIG CHECKPOINT --what uncertainty --num-clips 4
"""

import argparse
from functools import partial
from typing import Any

import numpy as np
from mmengine.device import get_device
from torch import nn

from mmavs.apis import init_model
from mmavs.apis.clip_pictures import (
    add_clip_arguments,
    build_test_sets,
    find_clips,
    parse_clip_args,
    run_clip,
    write_pictures,
)
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.visualization import MAP_READERS, AVSMapVisualizer, read_maps

TOOL = 'tools/analysis_tools/visualize_maps.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_clip_arguments(parser, 'maps')
    parser.add_argument('--what', required=True, choices=MAP_READERS, help='kind of maps')
    return parse_clip_args(parser, 'maps')


def draw(
    item: dict[str, Any], model: nn.Module, visualizer: AVSMapVisualizer, kind: str
) -> tuple[str, np.ndarray]:
    """Name and picture of a clip."""
    sample, outputs, *sizes = run_clip(model, item)
    rows = [row.at_size(*sizes) for row in read_maps(outputs, kind)]
    name, inputs = sample.metainfo['clip_id'], item['inputs']
    title, rate = MAP_READERS[kind].title, sample.metainfo.get('sample_rate')
    return name, visualizer.draw_maps(
        name, inputs['imgs'], rows, title, sample, inputs['audio'], rate
    )


def main() -> None:
    """Draw and write."""
    args = parse_args()
    try:
        device = args.device or get_device()
        model = init_model(args.config, args.checkpoint, device, args.cfg_options)
        if hasattr(model.decode_head, 'record_attention'):
            model.decode_head.record_attention = True
        places = find_clips(build_test_sets(model.cfg), args.clip, args.num_clips)
        visualizer = AVSMapVisualizer(name='maps', max_width=args.max_width)
        drawing = partial(draw, model=model, visualizer=visualizer, kind=args.what)
        write_pictures(places, visualizer, drawing, args.out_dir)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)


if __name__ == '__main__':
    main()

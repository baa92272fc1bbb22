# Copyright (c) mmavs developers. All rights reserved.
"""Draw which pixels the queries of a model own, and their mask logits, a picture a clip.

For heads whose queries are masks (VCT, COMBO); docs/en/visualization.md says how to read it.

Example:
    python tools/analysis_tools/visualize_queries.py CONFIG CHECKPOINT --num-clips 4
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.apis.clip_pictures import add_clip_arguments, draw_clips, parse_clip_args, run_clip
from mmavs.models.heads import QueryMaskHead
from mmavs.structures import IGNORE_INDEX, AVSDataSample, MaskOutputs
from mmavs.visualization import AVSQueryVisualizer, QueryMaps
from mmavs.visualization.query_maps import ORDERS

TOOL = 'tools/analysis_tools/visualize_queries.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_clip_arguments(parser, 'queries')
    parser.add_argument('--queries', type=int, default=8, help='whose masks are drawn')
    parser.add_argument(
        '--order',
        choices=ORDERS,
        default='score',
        help='score: the queries with the highest probability of a class; even: evenly spaced by '
        'number, without those whose mask is empty, much as in Figure 5 of the paper',
    )
    args = parse_clip_args(parser, 'queries')
    if args.queries < 1:
        parser.error('--queries must be at least 1')
    return args


def check_head(model: nn.Module, config: str) -> None:
    """Refuse models whose queries are not masks.

    Raises:
        ValueError: If the head is no query head.
    """
    head = getattr(model, 'decode_head', None)
    if not isinstance(head, QueryMaskHead):
        raise ValueError(
            f'{config} has no queries to draw: its model.decode_head is {type(head).__name__}, '
            'expected QueryMaskHead, as in the configs of VCT and COMBO.'
        )


@torch.no_grad()
def predict(model: nn.Module, item: dict[str, Any]) -> tuple[AVSDataSample, QueryMaps]:
    """The prediction of one clip, and what the queries said."""
    sample, outputs, *sizes = run_clip(model, item)
    matched = match(model.decode_head, outputs, sample, *sizes)
    return sample, QueryMaps.from_outputs(outputs, *sizes, matched)


def match(
    head: QueryMaskHead,
    outputs: MaskOutputs,
    sample: AVSDataSample,
    padded_size: Sequence[int],
    frame_size: Sequence[int],
) -> Tensor | None:
    """The class that each query would be matched to in training, by the head's criterion.

    Returns:
        Tensor | None: (T, Q) int64, K where to none; None without ground truth.
    """
    if 'gt_sem_seg' not in sample:
        return None
    scores = outputs.cls_scores[-1]
    label = sample.gt_sem_seg.data[:, None].float()
    label = F.interpolate(label, tuple(frame_size))[:, 0]  # nearest
    added = [padded - size for padded, size in zip(padded_size, frame_size)]
    target = F.pad(label, (0, added[1], 0, added[0]), value=IGNORE_INDEX)
    target, annotated = (x.to(scores.device) for x in (target.long(), sample.frame_annotated))
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of the points at which masks are compared
        _, matches = head.criterion.matched_losses(
            [scores], outputs.mask_logits[-1:], target, annotated
        )
    matched = torch.full_like(scores[..., 0], head.num_classes, dtype=torch.int64)
    matched[annotated] = matches.labels[-1]
    return matched


def draw(
    model: nn.Module,
    visualizer: AVSQueryVisualizer,
    item: dict[str, Any],
    args: argparse.Namespace,
) -> tuple[str, np.ndarray]:
    """Name and picture of a clip."""
    sample, maps = predict(model, item)
    name, inputs = sample.metainfo['clip_id'], item['inputs']
    chosen = maps.choose(args.queries, args.order)
    rate = sample.metainfo.get('sample_rate')
    picture = visualizer.draw_queries(
        name, inputs['imgs'], maps, chosen, sample, inputs['audio'], rate
    )
    return name, picture


def main() -> None:
    """Draw and write."""
    args = parse_args()
    visualizer = AVSQueryVisualizer(name='queries', max_width=args.max_width)
    draw_clips(
        TOOL,
        args,
        visualizer,
        lambda model: check_head(model, args.config),
        lambda model, item: draw(model, visualizer, item, args),
    )


if __name__ == '__main__':
    main()

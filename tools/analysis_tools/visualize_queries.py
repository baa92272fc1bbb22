# Copyright (c) mmavs developers. All rights reserved.
"""Draw which pixels the queries of a model own, and their mask logits, a picture a clip.

For heads whose queries are masks (VCT, COMBO); docs/en/visualization.md says how to read it.

Example:
    python tools/analysis_tools/visualize_queries.py CONFIG CHECKPOINT --num-clips 4
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import DictAction
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from PIL import Image
from torch import Tensor, nn

from mmavs.apis import init_model
from mmavs.apis.test_clips import build_test_sets, find_clips
from mmavs.models.heads import QueryMaskHead
from mmavs.structures import IGNORE_INDEX, AVSDataSample, MaskOutputs
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.progress import progress_bar
from mmavs.visualization import AVSQueryVisualizer, QueryMaps
from mmavs.visualization.query_maps import ORDERS

TOOL = 'tools/analysis_tools/visualize_queries.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out-dir', type=Path, help='default: work_dirs/queries/<config>')
    parser.add_argument('--num-clips', type=int, default=8, help='the first ones; 0: all')
    parser.add_argument(
        '--clip', action='append', metavar='NAME', help='this clip instead; may be given again'
    )
    parser.add_argument('--queries', type=int, default=8, help='whose masks are drawn')
    parser.add_argument(
        '--order',
        choices=ORDERS,
        default='score',
        help='score: the queries with the highest probability of a class; even: evenly spaced by '
        'number, without those whose mask is empty, much as in Figure 5 of the paper',
    )
    parser.add_argument('--max-width', type=int, default=1600, help='of the pictures, in pixels')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')
    args = parser.parse_args()
    if args.num_clips < 0 or args.queries < 1 or args.max_width < 1:
        parser.error('--num-clips must be at least 0, --queries and --max-width at least 1')
    if args.out_dir is None:
        args.out_dir = Path('work_dirs', 'queries', Path(args.config).stem)
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
    kept: list[MaskOutputs] = []
    handle = model.decode_head.register_forward_hook(lambda *call: kept.append(call[-1]))
    data = model.data_preprocessor(pseudo_collate([item]), False)
    try:
        (sample,) = model(**data, mode='predict')
    finally:
        handle.remove()
    padded_size = data['inputs']['imgs'].shape[-2:]
    frame_size = item['inputs']['imgs'].shape[-2:]
    matched = match(model.decode_head, kept[0], sample, padded_size, frame_size)
    return sample, QueryMaps.from_outputs(kept[0], padded_size, frame_size, matched)


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
    try:
        device = args.device or get_device()
        model = init_model(args.config, args.checkpoint, device, args.cfg_options)
        check_head(model, args.config)
        places = find_clips(build_test_sets(model.cfg), args.clip, args.num_clips)
        visualizer = AVSQueryVisualizer(name='queries', max_width=args.max_width)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        with progress_bar() as bar:
            for number, data_set, index in bar.track(places, description='clips'):
                visualizer.dataset_meta = data_set.metainfo
                name, picture = draw(model, visualizer, data_set[index], args)
                # Numbers, since several data sets may have a clip of one name.
                file = f'{number:05d}_{name.replace("/", "_")}.png'
                Image.fromarray(picture).save(args.out_dir / file)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    print(f'{len(places)} pictures: {args.out_dir}')


if __name__ == '__main__':
    main()

# Copyright (c) mmavs developers. All rights reserved.
"""What a training step costs on annotated frames only, against whole clips.

S4 has a mask on one frame in five of a training clip, and AVSegFormer never mixes frames: the other
four change no loss and no gradient (but batch-norm statistics). Random clips of the S4 pattern are
used, so no data is needed.

Example:
    python tools/analysis_tools/benchmark_annotated_frames.py
        configs/avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-224x224.py
"""

import argparse
import time

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper, build_optim_wrapper

from mmavs.models import AVSegmentor
from mmavs.registry import MODELS
from mmavs.testing.tiny import annotated_frames, random_clip


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('--size', type=int, default=224, help='height and width in pixels')
    parser.add_argument('--batch', type=int, default=2, help='clips a step')
    parser.add_argument('--repeat', type=int, default=3, help='timed steps, the median counts')
    parser.add_argument('--device', default='cpu')
    return parser.parse_args()


def step_seconds(
    model: AVSegmentor, optim_wrapper: OptimWrapper, clips: list[dict], repeat: int
) -> float:
    """Median seconds of a training step, after one to warm up."""
    seconds = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        model.train_step(pseudo_collate(clips), optim_wrapper)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds[1:])[repeat // 2]


def main() -> None:
    """Time both and print the ratio."""
    args = parse_args()
    config = Config.fromfile(args.config)
    model = MODELS.build(config.model).to(args.device).train()
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    whole = [
        random_clip(5, (args.size, args.size), annotated=(0,), waveform=True, seed=i)
        for i in range(args.batch)
    ]
    short = [annotated_frames(clip) for clip in whole]
    all_frames = step_seconds(model, optim_wrapper, whole, args.repeat)
    annotated = step_seconds(model, optim_wrapper, short, args.repeat)
    print(
        f"frames='all': {all_frames:.3f} s a step, frames='annotated': {annotated:.3f} s, "
        f'ratio {annotated / all_frames:.3f} '
        f'({args.batch} clips, {args.size} pixels, {args.device})'
    )


if __name__ == '__main__':
    main()

# Copyright (c) mmavs developers. All rights reserved.
"""Time the F-measure by histogram against one pass for each of the 255 thresholds.

Example:
    python tools/analysis_tools/benchmark_fscore.py --sizes 224 512 --frames 10
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mmavs.evaluation.functional import f_curve, threshold_histogram, thresholds


def f_curve_by_passes(scores: Tensor, target: Tensor, beta2: float = 0.3) -> Tensor:
    """F of each frame at each threshold from its definition, one frame and threshold at a time.

    Args:
        scores (Tensor): (N, H, W) float32 in [0, 1].
        target (Tensor): (N, H, W) bool.
        beta2 (float): Weight of precision. Defaults to 0.3.

    Returns:
        Tensor: (N, 255).
    """
    curves = torch.zeros(len(scores), 255)
    for frame, (score, mask) in enumerate(zip(scores, target.float(), strict=True)):
        for index, threshold in enumerate(thresholds()):
            predicted = (score >= threshold).float()
            true_positive = (predicted * mask).sum()
            precision = true_positive / (predicted.sum() + 1e-20)
            recall = true_positive / (mask.sum() + 1e-20)
            curves[frame, index] = (
                (1 + beta2) * precision * recall / (beta2 * precision + recall)
            ).nan_to_num(nan=0.0)
    return curves


def f_curve_by_histogram(scores: Tensor, target: Tensor) -> Tensor:
    """What mmavs computes."""
    return f_curve(threshold_histogram(scores, target))


def best_time(function: Callable[[], Tensor], repeats: int) -> float:
    """The shortest of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def make_frames(frames: int, size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Discs and noisy scores of them: (N, H, W) float32 in [0, 1] and bool."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.rand(frames, 2, 1, 1, generator=generator) * size
    grid = torch.arange(size)
    distance = (grid[:, None] - centre[:, 0]) ** 2 + (grid[None, :] - centre[:, 1]) ** 2
    target = distance < (size / 4) ** 2
    logits = (target.float() - 0.5) * 4 + torch.randn(frames, size, size, generator=generator) * 2
    return logits.sigmoid(), target


def main() -> None:
    """Print the times, their ratio and the largest difference for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', type=int, nargs='+', default=[224, 512], help='pixels a side')
    parser.add_argument('--frames', type=int, default=10, help='frames of a size')
    parser.add_argument('--repeats', type=int, default=3, help='runs, the shortest counts')
    parser.add_argument('--threads', type=int, default=1, help='threads of torch')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f'{args.frames} frames, {args.threads} thread(s), best of {args.repeats}')
    for size in args.sizes:
        scores, target = make_frames(args.frames, size)
        passes = f_curve_by_passes(scores, target)
        error = (f_curve_by_histogram(scores, target) - passes).abs().max().item()
        slow = best_time(partial(f_curve_by_passes, scores, target), args.repeats)
        fast = best_time(partial(f_curve_by_histogram, scores, target), args.repeats)
        print(
            f'{size}x{size}: 255 passes {slow * 1e3:.1f} ms, histogram {fast * 1e3:.1f} ms, '
            f'ratio {slow / fast:.0f}, largest difference {error:.1e}'
        )


if __name__ == '__main__':
    main()

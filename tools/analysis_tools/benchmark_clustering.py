# Copyright (c) mmavs developers. All rights reserved.
"""Processor time and memory of DPC-KNN against the same steps on whole batches of distances.

Example:
    python tools/analysis_tools/benchmark_clustering.py --sizes 56 28 14 --frames 20
"""

import argparse

import numpy as np
import torch
from torch import Tensor

from mmavs.models.fusion.token_clustering import cluster_dpc_knn
from mmavs.testing.peak_memory import best_time_and_peak, in_fresh_process

NUM_NEIGHBOURS = 5
STAGES = {56: (64, 14), 28: (128, 7), 14: (320, 5)}
"""dict[int, tuple[int, int]]: Channels and groups of RAVS by the side of MiT-B5's map at 224."""


def cluster_whole_batch(tokens: Tensor, num_groups: int) -> Tensor:
    """The steps of the sheet (ravs.md, section 2), each for all frames at once.

    Args:
        tokens (Tensor): (M, N, D).
        num_groups (int): P.

    Returns:
        Tensor: (M, N) int64, the group of each token.
    """
    distances = torch.cdist(tokens, tokens) / tokens.shape[2] ** 0.5
    nearest = torch.topk(distances, NUM_NEIGHBOURS, largest=False).values
    density = nearest.square().mean(-1).neg().exp()
    denser = density[:, None] > density[..., None]
    farthest = distances.flatten(1).amax(1)[:, None, None]
    scores = torch.where(denser, distances, farthest).amin(-1) * density
    centres = scores.topk(num_groups).indices
    assignment = torch.take_along_dim(distances, centres[..., None], 1).argmin(1)
    return assignment.scatter(1, centres, torch.arange(num_groups).expand_as(centres))


def run(kind: str, size: int, frames: int, repeats: int) -> tuple[float, float, np.ndarray]:
    """Best processor seconds, growth of the peak memory in MB, and the groups; in this process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dims, num_groups = STAGES.get(size, (64, 7))
    blobs = torch.randn(frames, 4 * num_groups, dims)
    tokens = blobs[:, torch.randint(4 * num_groups, (size**2,))]
    tokens = tokens + 0.5 * torch.randn_like(tokens)

    def cluster() -> np.ndarray:
        if kind == 'whole':
            return cluster_whole_batch(tokens, num_groups).numpy()
        return cluster_dpc_knn(tokens, num_groups, NUM_NEIGHBOURS).assignment.numpy()

    return best_time_and_peak(cluster, repeats)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', type=int, nargs='+', default=[56, 28, 14], help='of the maps')
    parser.add_argument('--frames', type=int, default=20)
    parser.add_argument('--repeats', type=int, default=3)
    return parser.parse_args()


def main() -> None:
    """Run each variant in a process of its own, so that peaks do not mix, and print ratios."""
    args = parse_args()
    for size in args.sizes:
        (slow, large, expected), (fast, small, groups) = (
            in_fresh_process(run, kind, size, args.frames, args.repeats)
            for kind in ('whole', 'chunks')
        )
        print(
            f'{size}x{size}, {args.frames} frames: {1000 * slow:.0f} ms and {large:.0f} MB for the '
            f'whole batch, {1000 * fast:.0f} ms and {small:.0f} MB in chunks; time ratio '
            f'{slow / fast:.2f}, memory ratio {large / max(small, 1):.1f}; tokens in other groups: '
            f'{(groups != expected).sum()} of {groups.size}'
        )


if __name__ == '__main__':
    main()

# Copyright (c) mmavs developers. All rights reserved.
"""Time and memory of the TPAVI block against the same block with its P x P product.

Example:
    python tools/analysis_tools/benchmark_tpavi.py --sizes 56 28 14 7
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmavs.models.fusion import TPAVI
from mmavs.structures import ClipLayout
from mmavs.testing.peak_memory import best_time_and_peak, in_fresh_process

GROUP_FRAMES = 5


def tpavi_by_pairs(block: TPAVI, feature: Tensor, audio: Tensor) -> Tensor:
    """The block of one group of frames, with the product of every pair of positions.

    Args:
        block (TPAVI): Whose weights are used.
        feature (Tensor): (5, D, h, w).
        audio (Tensor): (5, C).

    Returns:
        Tensor: (5, D, h, w).
    """
    pixels = feature.permute(0, 2, 3, 1).flatten(0, 2)
    sound = block.audio_proj(audio).repeat_interleave(len(pixels) // GROUP_FRAMES, dim=0)
    affinity = block.theta(pixels) @ block.phi(sound).T / len(pixels)
    mapped = block.out_proj(affinity @ block.g(pixels)).unflatten(0, (GROUP_FRAMES, -1))
    mapped = mapped.transpose(1, 2).reshape_as(feature)
    return block.norm(block.bn(mapped) + feature)


def run(kind: str, size: int, backward: bool, repeats: int) -> tuple[float, float, np.ndarray]:
    """Least processor seconds, growth of the peak memory in MB, and the output, in this process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    block = TPAVI().train(backward)
    feature = torch.randn(GROUP_FRAMES, 256, size, size, requires_grad=backward)
    audio = torch.rand(GROUP_FRAMES, 128)
    layout = ClipLayout(GROUP_FRAMES, torch.ones(GROUP_FRAMES, dtype=torch.bool))

    def step() -> np.ndarray:
        with torch.set_grad_enabled(backward):
            if kind == 'pairs':
                output = tpavi_by_pairs(block, feature, audio)
            else:
                output = block(feature, audio, layout)[0]
            if backward:
                F.mse_loss(output, feature.detach()).backward()
        return output.detach().numpy()

    return best_time_and_peak(step, repeats)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', type=int, nargs='+', default=[56, 28, 14, 7], help='of the maps')
    parser.add_argument('--backward', action='store_true', help='a training step, not inference')
    parser.add_argument('--repeats', type=int, default=3)
    return parser.parse_args()


def main() -> None:
    """Run each variant in a process of its own, so that peaks do not mix, and print ratios."""
    args = parse_args()
    for size in args.sizes:
        (slow, large, expected), (fast, small, output) = (
            in_fresh_process(run, kind, size, args.backward, args.repeats)
            for kind in ('pairs', 'matrix')
        )
        difference = abs(output - expected).max()
        print(
            f'{size}x{size}: {1000 * slow:.1f} ms and {large:.0f} MB with P x P, '
            f'{1000 * fast:.1f} ms and {small:.0f} MB without; '
            f'time ratio {slow / fast:.1f}, largest difference {difference:.1e}'
        )


if __name__ == '__main__':
    main()

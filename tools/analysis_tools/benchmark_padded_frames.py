# Copyright (c) mmavs developers. All rights reserved.
"""What a training step costs without the frames that pad a clip, against the official handling.

AVSS has clips of 5 and of 10 frames. The official code pads all to 10, computes everything and
multiplies the padding by zero. Here no padding reaches the head, and with
``train_cfg.compute_padded_frames`` it passes the backbone, whose batch norms are then the official
ones. Random clips are used, so no data is needed. Ratios are to the official handling; on a CPU
seconds are processor time.

Example:
    python tools/analysis_tools/benchmark_padded_frames.py
        configs/avsegformer/avsegformer_r50_vggish_1xb4-30e_avss-224x224.py
"""

import argparse

from mmavs.testing.training_steps import TrainingSteps, report, seconds_by_turns, step_parser

OFFICIAL, BACKBONE, SKIP = (
    'padding is computed',
    'padding passes the backbone',
    'padding is skipped',
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = step_parser(__doc__.splitlines()[0])
    parser.add_argument('--frames', type=int, default=5, help='frames of a clip')
    parser.add_argument('--length', type=int, default=10, help='frames of a padded clip')
    args = parser.parse_args()
    if not 1 <= args.frames < args.length:
        parser.error(
            f'--frames must be at least 1 and less than --length ({args.length}), '
            f'found {args.frames}'
        )
    return args


def random_clips(args: argparse.Namespace, steps: TrainingSteps, num_frames: int) -> list[dict]:
    """A batch in which the same number of frames has a mask, however many there are."""
    settings = dict(
        annotated=tuple(range(args.frames)), num_classes=steps.model.decode_head.num_classes
    )
    return [
        steps.random_clip(num_frames, args.size, seed, **settings) for seed in range(args.batch)
    ]


def main() -> None:
    """Time the three and print the ratios."""
    args = parse_args()
    steps = TrainingSteps(args.config, args.device)
    model = steps.model
    padded = random_clips(args, steps, args.frames)
    # To compute everything, the padding is given as frames of the clip that have no mask.
    full = random_clips(args, steps, args.length)

    def run_padded(compute: bool) -> None:
        model.data_preprocessor.min_frames = args.length
        model.train_cfg['compute_padded_frames'] = compute
        steps.run(padded)

    variants = {
        OFFICIAL: lambda: steps.run(full),
        BACKBONE: lambda: run_padded(True),
        SKIP: lambda: run_padded(False),
    }
    print(
        f'{args.batch} clips of {args.frames} frames padded to {args.length}, {args.size} pixels, '
        f'{args.device}'
    )
    print(report(seconds_by_turns(variants, args.repeat, args.device), OFFICIAL))


if __name__ == '__main__':
    main()

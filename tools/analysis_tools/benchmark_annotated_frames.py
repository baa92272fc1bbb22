# Copyright (c) mmavs developers. All rights reserved.
"""What a training step costs on annotated frames only, against whole clips.

S4 has a mask on one frame in five of a training clip, and AVSegFormer and VCT never mix frames: the
other four change no loss and no gradient (but statistics of batch norms that are trained). Random
clips of the S4 pattern are used, so no data is needed. Ratios are to whole clips; on a CPU seconds
are processor time.

Example:
    python tools/analysis_tools/benchmark_annotated_frames.py
        configs/avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-224x224.py
"""

from mmavs.testing.tiny import annotated_frames
from mmavs.testing.training_steps import TrainingSteps, report, seconds_by_turns, step_parser


def main() -> None:
    """Time both and print the ratio."""
    args = step_parser(__doc__.splitlines()[0]).parse_args()
    steps = TrainingSteps(args.config, args.device)
    whole = [steps.random_clip(5, args.size, seed, annotated=(0,)) for seed in range(args.batch)]
    short = [annotated_frames(clip) for clip in whole]
    variants = {
        "frames='all'": lambda: steps.run(whole),
        "frames='annotated'": lambda: steps.run(short),
    }
    print(f'{args.batch} clips, {args.size} pixels, {args.device}')
    print(report(seconds_by_turns(variants, args.repeat, args.device), "frames='all'"))


if __name__ == '__main__':
    main()

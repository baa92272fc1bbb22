# Copyright (c) mmavs developers. All rights reserved.
"""What CPM's second pass costs: a training step of CPM against one of its baseline.

Both take the same random frames, each of which shows an object of one of a few classes. CPM first
makes steps until it has fitted these classes, so that every frame is prompted. Time is measured in
turns, on a CPU as processor time; memory is the bytes of all tensors that forward and backward pass
make, see benchmark_memory.py. Ratios are to the baseline.

Example:
    python tools/analysis_tools/benchmark_prompting.py
        configs/cpm/cpm_baseline_r18_vggish_1xb16-48e_synthavss-96x96.py
        configs/cpm/cpm_r18_vggish_1xb16-48e_synthavss-96x96.py --size 96 --batch 16
"""

from functools import partial

import torch
from mmengine.dataset import pseudo_collate

from mmavs.testing.live_bytes import MEBIBYTE, measure
from mmavs.testing.training_steps import TrainingSteps, report, seconds_by_turns, step_parser
from mmavs.utils.cli import fail

CLASSES = 4
MAX_STEPS = 50
"""int: Steps in which CPM has to have fitted its classes."""


def square_clips(steps: TrainingSteps, size: int, number: int) -> list[dict]:
    """Clips of one frame, whose label is a square of the classes 1 to 4 in turn.

    Args:
        steps (TrainingSteps): Of the model that reads them.
        size (int): Height and width.
        number (int): Of clips.

    Returns:
        list[dict]: Packed items.
    """
    clips = [steps.random_clip(1, size, seed) for seed in range(number)]
    for seed, clip in enumerate(clips):
        label = clip['data_samples'].gt_sem_seg.data
        label[:] = 0
        label[:, size // 4 : size // 2, size // 4 : size // 2] = 1 + seed % CLASSES
    return clips


def fit_classes(steps: TrainingSteps, clips: list[dict]) -> None:
    """Train until every class that the clips show has its mixture.

    Raises:
        ValueError: If the model has no mixtures, or they are not fitted in time.
    """
    classifier = getattr(steps.model.decode_head, 'classifier', None)
    if classifier is None:
        raise ValueError('The second config is no CPM: its decode_head has no classifier.')
    steps.model.warmup_iters = 0
    shown = 1 + torch.arange(min(CLASSES, len(clips)))
    for _ in range(MAX_STEPS):
        steps.run(clips)
        if classifier.filled[shown].all():
            return
    raise ValueError(f'The mixtures were not fitted in {MAX_STEPS} steps: take a larger --batch.')


def main() -> None:
    """Measure both and print the ratios."""
    parser = step_parser(__doc__.splitlines()[0])
    parser.add_argument('prompted', help='config of CPM; the first one is that of the baseline')
    args = parser.parse_args()
    torch.manual_seed(0)
    variants = {
        'baseline': TrainingSteps(args.config, args.device),
        'CPM': TrainingSteps(args.prompted, args.device),
    }
    clips = square_clips(variants['CPM'], args.size, args.batch)
    try:
        fit_classes(variants['CPM'], clips)
    except ValueError as error:
        fail('tools/analysis_tools/benchmark_prompting.py', error)
    print(f'{args.batch} frames, {args.size} pixels, {args.device}')
    turns = {name: partial(steps.run, clips) for name, steps in variants.items()}
    print(report(seconds_by_turns(turns, args.repeat, args.device), 'baseline'))
    peaks = {}
    for name, steps in variants.items():
        data = steps.model.data_preprocessor(pseudo_collate(clips), True)
        peaks[name] = measure(steps.model, data)[1]
    for name, peak in peaks.items():
        print(f'{name:8}  {peak / MEBIBYTE:8.0f} MiB, ratio {peak / peaks["baseline"]:.3f}')


if __name__ == '__main__':
    main()

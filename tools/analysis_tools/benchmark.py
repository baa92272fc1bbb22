# Copyright (c) mmavs developers. All rights reserved.
"""Measure how fast a model segments clips, what each part of it takes, and its memory.

From frames and waveform as a data loader gives them to masks of the frames' size, on random clips;
docs/en/data_doctor.md tells how to measure the loading. Weights are random unless a checkpoint is
given: they do not matter for the time.

Example:
    python tools/analysis_tools/benchmark.py
        configs/avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-224x224.py --batch 2
"""

import argparse
import json
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from prettytable import PrettyTable
from torch import nn

from mmavs.apis import init_model
from mmavs.apis.random_clip import config_size, random_inputs
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.complexity import part_names
from mmavs.utils.stage_timer import StageTimer, wait_for

TOOL = 'tools/analysis_tools/benchmark.py'
MEBIBYTE = 2**20


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('--checkpoint', help='default: random weights')
    parser.add_argument('--frames', type=int, default=5, metavar='T', help='of a clip (default 5)')
    parser.add_argument('--batch', type=int, default=1, help='clips at once (default 1)')
    parser.add_argument(
        '--size', type=int, nargs=2, metavar=('H', 'W'), help='default: as in the test pipeline'
    )
    parser.add_argument('--repeat', type=int, default=20, help='batches measured (default 20)')
    parser.add_argument('--warmup', type=int, default=3, help='batches before them (default 3)')
    parser.add_argument('--amp', choices=['float16', 'bfloat16'], help='mixed precision')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the numbers, too')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change settings'
    )
    args = parser.parse_args(argv)
    if min(args.frames, args.batch, args.repeat) < 1 or args.warmup < 0:
        parser.error('--frames, --batch and --repeat must be at least 1, --warmup at least 0')
    return args


def held_memory(device: str) -> float:
    """The most that was held so far, in MiB: of the GPU by tensors, else of RAM by the process."""
    if torch.device(device).type == 'cuda':
        return torch.cuda.max_memory_allocated(device) / MEBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Run:
    """A model on one batch, again and again.

    Args:
        model (nn.Module): On its device, in eval mode.
        data (dict): What a data loader gives.
        device (str): Where it runs.
        amp (str, optional): Name of a dtype. Defaults to None: float32.
    """

    def __init__(self, model: nn.Module, data: dict, device: str, amp: str | None = None) -> None:
        self.model, self.data, self.device = model, data, device
        self.dtype = getattr(torch, amp) if amp else None

    @torch.no_grad()
    def seconds(self) -> float:
        """How long one batch takes, from the loader's tensors to masks."""
        wait_for(self.device)
        start = time.perf_counter()
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=self.dtype, enabled=self.dtype is not None):
            self.model.test_step(self.data)
        wait_for(self.device)
        return time.perf_counter() - start


def measure(run: Run, warmup: int, repeat: int) -> tuple[list[float], dict[str, float]]:
    """Times of whole batches, then of the parts in batches of their own.

    Args:
        run (Run): What is measured.
        warmup (int): Batches that do not count.
        repeat (int): Batches that do, of either kind.

    Returns:
        tuple: Seconds of each batch, and seconds a batch of each part. ``rest`` is what is in no
        part: putting batches together, resizing, thresholds.
    """
    for _ in range(warmup):
        run.seconds()
    whole = [run.seconds() for _ in range(repeat)]
    with StageTimer(run.model, list(part_names(run.model)), run.device) as timer:
        total = sum(run.seconds() for _ in range(repeat))
    stages = dict(timer.seconds, rest=total - sum(timer.seconds.values()))
    return whole, {name: seconds / repeat for name, seconds in stages.items()}


def report(whole: list[float], stages: dict[str, float], batch: int, frames: int) -> dict[str, Any]:
    """The numbers.

    Args:
        whole (list[float]): Seconds of each batch.
        stages (dict[str, float]): Seconds a batch of each part.
        batch (int): Clips of a batch.
        frames (int): Frames of a clip.

    Returns:
        dict: The median of a batch decides the rates.
    """
    median = statistics.median(whole)
    return dict(
        clips_per_second=batch / median,
        frames_per_second=batch * frames / median,
        ms_per_batch=1000 * median,
        ms_fastest=1000 * min(whole),
        ms_slowest=1000 * max(whole),
        stages_ms={name: 1000 * seconds for name, seconds in stages.items()},
    )


def table(numbers: dict[str, Any]) -> str:
    """One row a part; what is inside another is indented under it."""
    stages = numbers['stages_ms']
    total = sum(stages.values())
    rows = PrettyTable(['part', 'ms a batch', 'share'], align='r')
    rows.align['part'] = 'l'
    for name, value in stages.items():
        label = '  ' * name.count('.') + name.split('.')[-1]
        if any(other.startswith(f'{name}.') for other in stages):
            label += ' (its own)'
        rows.add_row([label, f'{value:.2f}', f'{value / total:.1%}'])
    return rows.get_string()


def main(argv: list[str] | None = None) -> None:
    """Build, measure, print."""
    args = parse_args(argv)
    device = args.device or get_device()
    try:
        before = held_memory(device)
        config = Config.fromfile(args.config)
        config.merge_from_dict(args.cfg_options or {})
        size = tuple(args.size or config_size(config))
        model = init_model(config, args.checkpoint, device)
        inputs = random_inputs(model, args.frames, size, batch_size=args.batch)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    run = Run(model, dict(inputs=inputs), device, args.amp)
    whole, stages = measure(run, args.warmup, args.repeat)
    numbers = report(whole, stages, args.batch, args.frames)
    numbers.update(memory_mib=held_memory(device), memory_before_mib=before)
    name = torch.cuda.get_device_name(device) if torch.device(device).type == 'cuda' else 'CPU'
    what = f'{args.batch} clip(s) of {args.frames} frames, {size[0]}x{size[1]}'
    print(
        f'{args.config}\n{what}, {args.amp or "float32"}, {name}, {torch.get_num_threads()} threads'
    )
    print(
        f'{numbers["clips_per_second"]:.3g} clips/s, {numbers["frames_per_second"]:.3g} frames/s: '
        f'{numbers["ms_per_batch"]:.1f} ms a batch (median of {args.repeat}, '
        f'{numbers["ms_fastest"]:.1f} to {numbers["ms_slowest"]:.1f})\n{table(numbers)}'
    )
    held = 'GPU memory of tensors' if name != 'CPU' else 'memory of the process'
    print(f'{held}: at most {numbers["memory_mib"]:.0f} MiB, {before:.0f} MiB before the model')
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        settings = dict(config=args.config, frames=args.frames, batch=args.batch, size=size)
        settings.update(amp=args.amp, device=name, threads=torch.get_num_threads())
        args.out.write_text(json.dumps({**settings, **numbers}, indent=2) + '\n')


if __name__ == '__main__':
    main()

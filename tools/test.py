# Copyright (c) mmavs developers. All rights reserved.
"""Evaluate a model: ``python tools/test.py CONFIG CHECKPOINT``.

There is no ``--tta``: no method of mmavs has a model for test-time augmentation.
"""

import argparse
import math
from pathlib import Path

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.runner import Runner

from mmavs.evaluation.protocols import Protocol, protocol_table, protocols_for, task_of
from mmavs.registry import METRICS
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import (
    add_run_arguments,
    fail,
    load_nothing,
    load_strictly,
    make_runner,
    parse_run_args,
    read_config,
    replace_test_metrics,
)
from mmavs.utils.dist import setup_distributed, shutdown_distributed

TOOL = 'tools/test.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Evaluate a model')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir',
        help='folder of logs and pictures. Default: work_dir of the config, else '
        'work_dirs/<name of the config>',
    )
    parser.add_argument(
        '--protocol',
        metavar='all|NAME[,NAME]',
        help='score by these published protocols instead of the evaluator of the config, and '
        'print one table of them; all: those that apply to the test data. See '
        'docs/en/protocols.md',
    )
    parser.add_argument('--out', metavar='FILE.json', help='write the scores to this JSON file')
    parser.add_argument(
        '--dump',
        metavar='FILE.pkl',
        help='write all predictions to this pickle file (they are held in memory until the end)',
    )
    parser.add_argument('--show', action='store_true', help='show the predictions in a window')
    parser.add_argument(
        '--show-dir',
        metavar='DIR',
        help='draw the predictions into <work dir>/<time>/DIR',
    )
    parser.add_argument(
        '--interval', type=int, help='draw one clip in this many. Default: as in the config'
    )
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds that --show shows a picture'
    )
    add_run_arguments(parser, 'test_dataloader.batch_size=1')
    args = parse_run_args(parser)
    for flag, suffixes in (('out', ('.json',)), ('dump', ('.pkl', '.pickle'))):
        value = getattr(args, flag)
        if value is not None and not value.endswith(suffixes):
            parser.error(f'--{flag} expects a file that ends with {suffixes[0]}, found {value}')
    return args


def enable_visualization(cfg: Config, args: argparse.Namespace) -> None:
    """Switch on the hook that draws predictions."""
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if hook is None:
        raise ValueError(
            f'--show and --show-dir need default_hooks.visualization, and {cfg.filename} has none. '
            "Inherit _base_/default_runtime.py, or add dict(type='AVSVisualizationHook')."
        )
    hook.draw = True
    if args.show:
        hook.show = True
        hook.wait_time = args.wait_time
    if args.show_dir is not None:
        hook.test_out_dir = args.show_dir
    if args.interval is not None:
        hook.interval = args.interval


def build_config(args: argparse.Namespace) -> Config:
    """The config of a run: the file, then ``--cfg-options``, then the other flags."""
    cfg = read_config(args, args.work_dir)
    load_nothing(cfg)
    if args.show or args.show_dir is not None:
        enable_visualization(cfg, args)
    return cfg


def use_protocols(runner: Runner, choice: str) -> list[Protocol]:
    """Replace the evaluator of a runner by those of published protocols.

    Args:
        runner (Runner): With the test data.
        choice (str): ``'all'``, or names with commas between them.

    Returns:
        list[Protocol]: Which ones.

    Raises:
        ValueError: If a name is unknown, or does not apply to the test data.
    """
    names = [name.strip() for name in choice.split(',') if name.strip()]
    protocols = protocols_for(task_of(runner.test_dataloader.dataset), names)
    metrics = [METRICS.build(protocol.metric_config()) for protocol in protocols]
    replace_test_metrics(runner, metrics)
    return protocols


def evaluate(args: argparse.Namespace, cfg: Config) -> None:
    """Test, print the table of protocols, write the scores.

    Args:
        args (argparse.Namespace): Of the command line.
        cfg (Config): Of the test.
    """
    runner = make_runner(cfg)
    try:
        protocols = use_protocols(runner, args.protocol) if args.protocol else []
        load_strictly(runner, args.checkpoint, args.config)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    if args.dump is not None:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.dump))
    scores = runner.test()
    if protocols and is_main_process():
        print(protocol_table(protocols, scores))
    if args.out is not None and is_main_process():
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        # JSON has no NaN, which means that there was nothing to take the mean of.
        values = {name: float(value) for name, value in scores.items()}
        values = {name: v if math.isfinite(v) else None for name, v in values.items()}
        mmengine.dump(values, args.out, indent=2)


def main() -> None:
    """Read the config, test, and leave the other processes."""
    args = parse_args()
    try:
        cfg = build_config(args)
        setup_distributed(cfg)
    except (FileNotFoundError, ValueError) as error:
        fail(TOOL, error)
    evaluate(args, cfg)
    shutdown_distributed()


if __name__ == '__main__':
    main()

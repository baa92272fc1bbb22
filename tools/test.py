# Copyright (c) mmavs developers. All rights reserved.
"""Evaluate a model: ``python tools/test.py CONFIG CHECKPOINT``.

There is no ``--tta``: no method of mmavs has a model for test-time augmentation.
"""

import argparse
import os
from pathlib import Path
from typing import NoReturn

import mmengine
from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.runner import CheckpointLoader, Runner

from mmavs.registry import RUNNERS
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.dist import setup_distributed, shutdown_distributed
from mmavs.utils.weights import load_weights


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
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. test_dataloader.batch_size=1. '
        'Lists: key="[a,b]" or key=a,b, without blanks',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes of a distributed run were started',
    )
    # torch.distributed.launch passes --local-rank, its older versions --local_rank.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
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
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    cfg.load_from = None  # the Runner would load what fits and leave the rest random
    cfg.resume = False
    if args.show or args.show_dir is not None:
        enable_visualization(cfg, args)
    return cfg


def load_strictly(runner: Runner, checkpoint: str, config_name: str) -> None:
    """Fill the model of a runner with a checkpoint, all of it or nothing.

    Args:
        runner (Runner): It will load nothing else afterwards.
        checkpoint (str): File or URL, as the Runner takes it.
        config_name (str): For the error.

    Raises:
        CheckpointMismatchError: If the checkpoint does not fit the model, key by key.
    """
    loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    load_weights(runner.model, loaded, checkpoint, config_name)
    runner._has_loaded = True
    runner.logger.info(f'Load checkpoint from {checkpoint}')


def fail(error: Exception) -> NoReturn:
    """End with the error in one line."""
    shutdown_distributed()
    raise SystemExit(f'tools/test.py: {" ".join(str(error).split())}') from error


def main() -> None:
    """Build the runner and test."""
    args = parse_args()
    try:
        cfg = build_config(args)
        setup_distributed(cfg)
    except (FileNotFoundError, ValueError) as error:
        fail(error)
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    try:
        load_strictly(runner, args.checkpoint, args.config)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(error)
    if args.dump is not None:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.dump))
    scores = runner.test()
    if args.out is not None and is_main_process():
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        mmengine.dump({name: float(value) for name, value in scores.items()}, args.out, indent=2)
    shutdown_distributed()


if __name__ == '__main__':
    main()

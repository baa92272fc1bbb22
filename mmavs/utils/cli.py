# Copyright (c) mmavs developers. All rights reserved.
"""What the tools that run a model from a config share."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mmengine.config import Config, DictAction
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.runner import CheckpointLoader, Runner

from mmavs.registry import RUNNERS

from .dist import shutdown_distributed
from .weights import load_weights


def add_run_arguments(parser: argparse.ArgumentParser, example: str) -> None:
    """Add what every run has: ``--cfg-options``, ``--launcher``, ``--local-rank``.

    Args:
        parser (ArgumentParser): Of the tool.
        example (str): Settings that its help shows, e.g. ``train_cfg.max_epochs=2``.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help=f'change settings of the config, e.g. {example}. '
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


def parse_run_args(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line and tell mmengine the local rank."""
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def read_config(args: argparse.Namespace, work_dir: str | None) -> Config:
    """The config of a run: the file, then ``--cfg-options``, then launcher and work dir.

    Args:
        args (Namespace): With ``config`` and what :func:`add_run_arguments` added.
        work_dir (str, optional): None takes work_dir of the config, else ``work_dirs/<its name>``.

    Returns:
        Config: For :func:`make_runner`.
    """
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    return cfg


def load_nothing(cfg: Config) -> None:
    """Keep the Runner from loading weights itself: what fits, and the rest left random."""
    cfg.load_from = None
    cfg.resume = False


def make_runner(cfg: Config) -> Runner:
    """The Runner that a config describes."""
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


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


def replace_test_metrics(runner: Runner, metrics: Sequence[BaseMetric]) -> None:
    """Score the test of a runner with these metrics instead of those of its config."""
    evaluator = Evaluator(list(metrics))
    evaluator.dataset_meta = getattr(runner.test_loop.dataloader.dataset, 'metainfo', None)
    runner.test_loop.evaluator = evaluator


def fail(tool: str, error: Any) -> NoReturn:
    """End the program with an error in one line.

    Args:
        tool (str): Path of the tool in the checkout, e.g. ``tools/test.py``.
        error (Any): Exception or text.
    """
    shutdown_distributed()
    cause = error if isinstance(error, BaseException) else None
    raise SystemExit(f'{tool}: {" ".join(str(error).split())}') from cause

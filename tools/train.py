# Copyright (c) mmavs developers. All rights reserved.
"""Train a model: ``python tools/train.py CONFIG``."""

import argparse

from mmengine.config import Config
from mmengine.device import get_device

from mmavs.utils.cli import add_run_arguments, fail, make_runner, parse_run_args, read_config
from mmavs.utils.dist import setup_distributed, shutdown_distributed


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Train a model')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help='folder of logs and checkpoints. Default: work_dir of the config, else '
        'work_dirs/<name of the config>',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint, or, without a value, from the last one in the work dir',
    )
    parser.add_argument(
        '--amp', action='store_true', help='train with automatic mixed precision (needs a GPU)'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the clips of an optimizer step (of all processes, '
        'accumulated ones too) / auto_scale_lr.base_batch_size',
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='do not evaluate during training'
    )
    add_run_arguments(parser, 'train_cfg.max_epochs=2 optim_wrapper.optimizer.lr=1e-4')
    return parse_run_args(parser)


def enable_amp(cfg: Config) -> None:
    """Replace the plain optimizer wrapper of a config by the one of mixed precision."""
    if get_device() == 'cpu':
        raise ValueError(
            '--amp needs a GPU and none is available here. Leave --amp out to train in float32.'
        )
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    name = wrapper if isinstance(wrapper, str) else wrapper.__name__  # text or lazy config
    if name == 'AmpOptimWrapper':
        return
    if name != 'OptimWrapper':
        raise ValueError(
            f'--amp replaces an optim_wrapper of type OptimWrapper; this config has {name}. '
            'Set its own option for mixed precision with --cfg-options.'
        )
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def enable_auto_scale_lr(cfg: Config) -> None:
    """Switch on the scaling of the learning rate that a config describes."""
    if cfg.get('auto_scale_lr') is None or 'base_batch_size' not in cfg.auto_scale_lr:
        raise ValueError(
            f'--auto-scale-lr needs auto_scale_lr.base_batch_size, and {cfg.filename} has none. '
            'Say it with --cfg-options auto_scale_lr.base_batch_size=N: the clips in a batch '
            'that the learning rate was chosen for.'
        )
    cfg.auto_scale_lr.enable = True
    # mmengine compares the clips of an iteration; a step is made of several where they accumulate.
    cfg.auto_scale_lr.base_batch_size /= cfg.optim_wrapper.get('accumulative_counts', 1)


def build_config(args: argparse.Namespace) -> Config:
    """The config of a run: the file, then ``--cfg-options``, then the other flags."""
    cfg = read_config(args, args.work_dir)
    if args.amp:
        enable_amp(cfg)
    if args.auto_scale_lr:
        enable_auto_scale_lr(cfg)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        checkpoint_hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
        checkpoint_hook.pop('save_best', None)  # nothing would say which one is best
        checkpoint_hook.pop('rule', None)
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    return cfg


def main() -> None:
    """Build the runner and train."""
    args = parse_args()
    try:
        cfg = build_config(args)
        setup_distributed(cfg)
    except (FileNotFoundError, ValueError) as error:
        fail('tools/train.py', error)
    make_runner(cfg).train()
    shutdown_distributed()


if __name__ == '__main__':
    main()

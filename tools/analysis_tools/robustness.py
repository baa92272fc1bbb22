# Copyright (c) mmavs developers. All rights reserved.
"""Test a model with its own sound and with false ones, in one go.

Writes robustness.json, robustness.md and robustness.png into the output folder, and which clip got
whose sound. docs/en/robustness.md says how to read them.

Example:
    python tools/analysis_tools/robustness.py CONFIG CHECKPOINT --out-dir work_dirs/robust
"""

import argparse
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmavs.datasets.audio_conditions import CONDITIONS
from mmavs.evaluation.robustness_report import arrange, draw_report, markdown_table
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

TOOL = 'tools/analysis_tools/robustness.py'
OBJECTS_FILE = 'objects.csv'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Test a model with several kinds of audio')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out-dir', help='folder of the results. Default: <work dir of the config>/robustness'
    )
    parser.add_argument(
        '--conditions',
        nargs='+',
        choices=CONDITIONS,
        default=list(CONDITIONS),
        help='what the model hears. Default: all; G needs original',
    )
    parser.add_argument(
        '--noise-level',
        type=float,
        default=0.3,
        help='largest value of the noise, 1 is full scale. Default: 0.3',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of noise and partners. Partners stored in the output folder by an earlier run with '
        'this seed are used again. Default: 0',
    )
    parser.add_argument(
        '--objects-file',
        metavar='FILE.csv',
        help='which objects are heard and seen in each clip, for off-screen sounds (columns uid, '
        f'a_obj, v_obj). Default: {OBJECTS_FILE} in data_root where there is one',
    )
    parser.add_argument(
        '--f-batch-size',
        type=int,
        default=1,
        help='clips in a batch of F: the official evaluation has 2 for S4, 1 for MS3. Default: 1',
    )
    add_run_arguments(parser, 'test_dataloader.batch_size=1')
    return parse_run_args(parser)


def leaf_configs(dataset: dict) -> list[dict]:
    """The data sets of a config inside a ConcatDataset, or the one that it is.

    Raises:
        ValueError: If it is wrapped in another way.
    """
    if 'datasets' in dataset:
        return [leaf for part in dataset['datasets'] for leaf in leaf_configs(part)]
    if 'dataset' in dataset:
        raise ValueError(
            f'The test data set is wrapped in {dataset.get("type")}, whose clips cannot be given '
            'another sound. Name the data set itself in test_dataloader.dataset.'
        )
    return [dataset]


def with_condition(
    dataset: dict, condition: str, args: argparse.Namespace, out_dir: str, number: int
) -> dict:
    """Config of a data set that is heard in another way.

    Args:
        dataset (dict): Config of a data set; it stays as it is.
        condition (str): One of ``CONDITIONS``.
        args (Namespace): With seed, noise_level and objects_file.
        out_dir (str): Where the drawn partners are stored, and taken from if they are there.
        number (int): Of the data set, where several are tested together.

    Returns:
        dict: A new config.
    """
    objects_file = args.objects_file
    beside = Path(dataset.get('data_root') or '.', OBJECTS_FILE)
    if objects_file is None and beside.is_file():
        objects_file = str(beside)
    name = f'{condition}{number or ""}_seed{args.seed}'
    own = dict(
        dataset.get('condition_cfg') or {},
        seed=args.seed,
        level=args.noise_level,
        map_file=str(Path(out_dir, f'{name}.json')),
    )
    if objects_file is not None:
        own['objects_file'] = objects_file
    dataset = deepcopy(dataset)
    dataset.update(audio_condition=condition, condition_cfg=own)
    return dataset


def build_config(args: argparse.Namespace) -> Config:
    """The config of one test over all conditions."""
    cfg = read_config(args, args.out_dir)
    if args.out_dir is None:
        cfg.work_dir = str(Path(cfg.work_dir, 'robustness'))
    load_nothing(cfg)
    leaves = leaf_configs(cfg.test_dataloader.dataset)
    args.conditions = [name for name in CONDITIONS if name in args.conditions]
    cfg.test_dataloader.dataset = dict(
        type='ConcatDataset',
        datasets=[
            with_condition(leaf, condition, args, cfg.work_dir, number)
            for condition in args.conditions
            for number, leaf in enumerate(leaves)
        ],
    )
    return cfg


def load_data(runner: Runner, args: argparse.Namespace) -> None:
    """Build the test loop, with the metric of robustness.

    Raises:
        ValueError: If a condition is not to be had for the data; names the remedy.
    """
    try:
        datasets = runner.test_dataloader.dataset.datasets
    except (ValueError, FileNotFoundError, TypeError) as error:
        raise ValueError(f'{innermost(error)}{remedy(str(error), args.conditions)}') from error
    metric = dict(type='AudioRobustnessMetric', f_batch_size=args.f_batch_size)
    replace_test_metrics(runner, [METRICS.build(metric)])
    for dataset in datasets:
        condition = dataset.audio_condition
        if condition.name == 'offscreen' and condition.objects_file:
            runner.logger.info(f'Objects of {dataset.ann_file}: {condition.objects_file}')


def remedy(message: str, conditions: list[str]) -> str:
    """How to do without the condition that an error is about; empty for other errors."""
    found = re.search(r"audio_condition='(\w+)'", message)
    if found is None or found[1] not in conditions:
        return ''
    others = ' '.join(name for name in conditions if name != found[1])
    objects = ' Name the csv with --objects-file.' if 'objects_file' in message else ''
    return f'{objects} To do without {found[1]}: --conditions {others}'


def innermost(error: BaseException) -> BaseException:
    """What a registry wrapped, perhaps several times, into errors of the same kind."""
    while error.__context__ is not None and type(error.__context__) is type(error):
        error = error.__context__
    return error


def write_results(scores: dict[str, float], cfg: Config, args: argparse.Namespace) -> str:
    """Write the three files.

    Returns:
        str: The table.
    """
    report: dict[str, Any] = dict(
        config=str(args.config),
        checkpoint=str(args.checkpoint),
        seed=args.seed,
        noise_level=args.noise_level,
        f_batch_size=args.f_batch_size,
        **arrange(scores, args.conditions),
    )
    folder = Path(cfg.work_dir)
    mmengine.dump(report, str(folder / 'robustness.json'), indent=2)
    table = markdown_table(report)
    name = Path(args.config).stem
    (folder / 'robustness.md').write_text(
        f'# {name}\n\nCheckpoint {args.checkpoint}, seed {args.seed}, noise level '
        f'{args.noise_level}, F over batches of {args.f_batch_size}; percent. '
        f'How to read it: docs/en/robustness.md of mmavs.\n\n{table}',
        encoding='utf-8',
    )
    draw_report(report, name, folder / 'robustness.png')
    return table


def main() -> None:
    """Build the runner, test all conditions and write the results."""
    args = parse_args()
    try:
        cfg = build_config(args)
        setup_distributed(cfg)
        runner = make_runner(cfg)
        load_data(runner, args)
        load_strictly(runner, args.checkpoint, args.config)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    scores = runner.test()
    del runner  # it holds the process group
    if is_main_process():
        print(write_results(scores, cfg, args))
        print(f'Written: {cfg.work_dir}/robustness.{{json,md,png}}')
    shutdown_distributed()


if __name__ == '__main__':
    main()

# Copyright (c) mmavs developers. All rights reserved.
"""Test a model and draw which class it takes for which.

Example:
    python tools/analysis_tools/confusion_matrix.py CONFIG CHECKPOINT --out-dir work_dirs/confusion
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dist import is_main_process

from mmavs.evaluation import ConfusionMatrixMetric
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

TOOL = 'tools/analysis_tools/confusion_matrix.py'
MOST_NUMBERS = 24
"""int: Classes up to which the cells have their numbers on them."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Writes confusion.png and confusion.csv (pixels; rows are the truth).',
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out-dir', help='default: work_dirs/<config>/confusion')
    parser.add_argument(
        '--normalize',
        choices=['truth', 'prediction', 'none'],
        default='truth',
        help='percent of the pixels of the true class (default), of the predicted class, or pixels',
    )
    parser.add_argument(
        '--all-classes',
        action='store_true',
        help='draw the classes too that neither labels nor predictions show',
    )
    parser.add_argument('--title', help='default: the name of the config')
    add_run_arguments(parser, 'test_dataloader.batch_size=1')
    return parse_run_args(parser)


def build_config(args: argparse.Namespace) -> Config:
    """The config of a test."""
    cfg = read_config(args, args.out_dir)
    if args.out_dir is None:
        cfg.work_dir = str(Path(cfg.work_dir, 'confusion'))
    load_nothing(cfg)
    return cfg


def shares(matrix: np.ndarray, normalize: str) -> np.ndarray:
    """A matrix of pixels in percent of its rows (``truth``) or columns (``prediction``).

    Args:
        matrix (ndarray): (C, C) int64, rows the truth.
        normalize (str): ``'truth'``, ``'prediction'`` or ``'none'``.

    Returns:
        ndarray: (C, C) float64; NaN where there is nothing to take a share of.
    """
    if normalize == 'none':
        return matrix.astype(np.float64)
    total = matrix.sum(axis=1 if normalize == 'truth' else 0, keepdims=True)
    with np.errstate(invalid='ignore'):
        return 100 * np.divide(matrix, total, dtype=np.float64)


def draw(
    matrix: np.ndarray, classes: Sequence[str], path: Path, normalize: str, title: str
) -> None:
    """Draw a matrix as a map of colours.

    Args:
        matrix (ndarray): (C, C) pixels, rows the truth.
        classes (Sequence[str]): C names.
        path (Path): PNG that is written.
        normalize (str): See :func:`shares`.
        title (str): Over the figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = shares(matrix, normalize)
    side = 2.5 + max(0.3 * len(classes), 2.5)
    figure = Figure(figsize=(side + 1, side), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    top = 100 if normalize != 'none' else None
    image = axes.imshow(values, cmap='Blues', vmin=0, vmax=top)
    unit = 'pixels' if normalize == 'none' else f'percent of the {normalize}'
    figure.colorbar(image, ax=axes, label=unit, shrink=0.8)
    axes.set_xticks(range(len(classes)), classes, rotation=90, fontsize=8)
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_xlabel('prediction')
    axes.set_ylabel('truth')
    axes.set_title(title, fontsize=10)
    if len(classes) <= MOST_NUMBERS:
        dark = np.nanmax(values) / 2
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f'{value:.3g}' if normalize == 'none' else f'{value:.0f}'
                colour = 'white' if value > dark else 'black'
                axes.text(column, row, text, ha='center', va='center', fontsize=7, color=colour)
    figure.savefig(path, dpi=120)


def write(matrix: np.ndarray, classes: Sequence[str], cfg: Config, args: argparse.Namespace) -> str:
    """Write table and figure.

    Returns:
        str: The pairs that are confused most, for the screen.
    """
    folder = Path(cfg.work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [','.join(['truth', *classes])]
    lines += [','.join([name, *map(str, row)]) for name, row in zip(classes, matrix.tolist())]
    (folder / 'confusion.csv').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    shown = matrix.any(0) | matrix.any(1) | args.all_classes
    names = [name for name, keep in zip(classes, shown) if keep]
    title = args.title or Path(args.config).stem
    draw(matrix[shown][:, shown], names, folder / 'confusion.png', args.normalize, title)
    wrong = shares(matrix, 'truth')
    np.fill_diagonal(wrong, np.nan)
    order = np.argsort(np.nan_to_num(wrong, nan=-1), axis=None)[::-1][:5]
    pairs = [divmod(int(place), len(classes)) for place in order]
    return '\n'.join(
        f'{wrong[truth, pred]:5.1f} % of {classes[truth]} is taken for {classes[pred]}'
        for truth, pred in pairs
        if wrong[truth, pred] > 0
    )


def main() -> None:
    """Test, and write what came out."""
    args = parse_args()
    try:
        cfg = build_config(args)
        setup_distributed(cfg)
        runner = make_runner(cfg)
        metric = ConfusionMatrixMetric()
        replace_test_metrics(runner, [metric])
        load_strictly(runner, args.checkpoint, args.config)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    scores = runner.test()
    del runner  # it holds the process group
    if is_main_process():
        classes = [str(name) for name in metric.dataset_meta['classes']]
        print(write(metric.matrix.numpy(), classes, cfg, args))
        print(', '.join(f'{name} {value:.2f}' for name, value in scores.items()))
        print(f'Written: {cfg.work_dir}/confusion.{{csv,png}}')
    shutdown_distributed()


if __name__ == '__main__':
    main()

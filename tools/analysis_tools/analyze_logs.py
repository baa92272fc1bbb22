# Copyright (c) mmavs developers. All rights reserved.
"""Draw curves of trainings from their logs, and say how long an iteration took.

A log is the ``scalars.json`` that a training writes, or a folder: the work dir of a training, of
which all runs are joined in the order of their time (a resumed run replaces what came after the
checkpoint that it started from), or one run of it.

Example:
    python tools/analysis_tools/analyze_logs.py work_dirs/a work_dirs/b
        --keys loss avs/mIoU --legend narrow wide --out curves.png
"""

import argparse
from pathlib import Path

from prettytable import PrettyTable

from mmavs.utils.cli import fail
from mmavs.utils.training_log import TrainingLog, read_training_log

TOOL = 'tools/analysis_tools/analyze_logs.py'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('logs', nargs='+', type=Path, help='scalars.json, work dirs, or runs')
    parser.add_argument(
        '--keys',
        nargs='+',
        metavar='KEY',
        help='what to draw, each in a panel of its own. Default: loss and the first score',
    )
    parser.add_argument('--legend', nargs='+', metavar='NAME', help='of the logs. Default: folders')
    parser.add_argument('--title', default='', help='over the figure')
    parser.add_argument(
        '--smooth',
        type=float,
        default=0.0,
        metavar='S',
        help='of curves of the training, in [0, 1): share of the mean so far in each value',
    )
    parser.add_argument(
        '--out', type=Path, default=Path('curves.png'), help='PNG, PDF or SVG. Default: curves.png'
    )
    args = parser.parse_args(argv)
    if not 0 <= args.smooth < 1:
        parser.error(f'--smooth must lie in [0, 1), got {args.smooth}')
    if args.legend and len(args.legend) != len(args.logs):
        parser.error(f'--legend has {len(args.legend)} names for {len(args.logs)} logs')
    return args


def log_names(paths: list[Path]) -> list[str]:
    """The folder of each log; all of the path where two are called the same."""
    names = [path.resolve().name if path.is_dir() else str(path) for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def default_keys(logs: list[TrainingLog]) -> list[str]:
    """The loss, and the first score of the validation."""
    scores = [key for log in logs for key in log.scores if '/' in key]
    known = [key for key in ('loss',) if any(key in log.values for log in logs)]
    return known + scores[:1]


def smoothed(values: list[float], share: float) -> list[float]:
    """An exponential mean that begins at the first value."""
    mean, means = values[0], []
    for value in values:
        mean = share * mean + (1 - share) * value
        means.append(mean)
    return means


def draw(
    logs: dict[str, TrainingLog], keys: list[str], out: Path, title: str = '', smooth: float = 0.0
) -> None:
    """One panel a key, one curve a log.

    Args:
        logs (dict[str, TrainingLog]): By name.
        keys (list[str]): What is drawn.
        out (Path): File; its suffix says which kind.
        title (str): Over the figure. Defaults to ``''``.
        smooth (float): See ``--smooth``. Defaults to 0.

    Raises:
        ValueError: If no log has a key; names those that there are.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known = sorted({key for log in logs.values() for key in log.values})
    missing = [key for key in keys if key not in known]
    if missing or not keys:
        raise ValueError(
            f'--keys {" ".join(missing)}: no log has that. There are: {", ".join(known) or "none"}.'
        )
    figure = Figure(figsize=(6.4 * len(keys), 4.2), layout='constrained')
    FigureCanvasAgg(figure)
    for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys):
        for number, (name, log) in enumerate(logs.items()):
            if key not in log.values:
                continue
            steps, values = map(list, zip(*log.values[key]))
            colour, is_score = f'C{number}', key in log.scores
            if smooth and not is_score:
                axes.plot(steps, values, color=colour, alpha=0.25, linewidth=1)
                values = smoothed(values, smooth)
            axes.plot(steps, values, '.-' if is_score else '-', color=colour, label=name)
        axes.set_title(key)
        axes.set_xlabel('iteration')
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)


def table(logs: dict[str, TrainingLog], keys: list[str]) -> str:
    """Iterations, times of one, and the last, least and greatest of each key."""
    rows = PrettyTable(['log', 'iterations', 's an iteration', 'of it waiting for data'], align='r')
    for name, log in logs.items():
        time, waiting = log.mean('time'), log.mean('data_time')
        rows.add_row(
            [
                name,
                log.last_step,
                'unknown' if time is None else f'{time:.3f}',
                'unknown' if not time or waiting is None else f'{waiting / time:.0%}',
            ]
        )
    found = PrettyTable(['log', 'value', 'last', 'least', 'at', 'greatest', 'at '], align='r')
    for name, log in logs.items():
        for key in keys:
            if key in log.values:
                points = log.values[key]
                row = [name, key, f'{points[-1][1]:.4g}']
                for choose in (min, max):
                    step, value = choose(points, key=lambda point: point[1])
                    row += [f'{value:.4g}', step]
                found.add_row(row)
    return f'{rows.get_string()}\n{found.get_string()}'


def main(argv: list[str] | None = None) -> None:
    """Read, draw, and print the table."""
    args = parse_args(argv)
    try:
        names = args.legend or log_names(args.logs)
        logs = {name: read_training_log(path) for name, path in zip(names, args.logs)}
        keys = args.keys or default_keys(list(logs.values()))
        draw(logs, keys, args.out, args.title, args.smooth)
    except (OSError, ValueError) as error:
        fail(TOOL, error)
    print(f'{table(logs, keys)}\nWritten: {args.out}')


if __name__ == '__main__':
    main()

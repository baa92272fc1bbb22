# Copyright (c) mmavs developers. All rights reserved.
"""The scores of :class:`AudioRobustnessMetric` as a table and a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCORES = ('mIoU', 'F', 'FPR')
GLOBAL = ('G_mIoU', 'G_F', 'G_FPR')


def arrange(scores: Mapping[str, float], conditions: Sequence[str]) -> dict[str, Any]:
    """Sort the results of the metric by condition.

    Args:
        scores (Mapping[str, float]): Names, with or without prefix -> percent.
        conditions (Sequence[str]): What was heard.

    Returns:
        dict: ``conditions``: condition -> ``mIoU``, ``F``, ``FPR``, ``G_mIoU``, ``G_F``, and
        ``global``: ``G_mIoU``, ``G_F``, ``G_FPR``; those that there are.
    """
    plain = {name.rsplit('/', 1)[-1]: float(value) for name, value in scores.items()}
    names = (*SCORES, 'G_mIoU', 'G_F')
    return {
        'conditions': {
            condition: {
                name: plain[f'{name}_{condition}']
                for name in names
                if f'{name}_{condition}' in plain
            }
            for condition in conditions
        },
        'global': {name: plain[name] for name in GLOBAL if name in plain},
    }


def markdown_table(report: Mapping[str, Any]) -> str:
    """One row a condition and one for the negatives together.

    Args:
        report (Mapping): What :func:`arrange` gave.

    Returns:
        str: Markdown, values rounded to 2 decimals.
    """
    columns = (*SCORES, *GLOBAL)
    rows = [(condition, values) for condition, values in report['conditions'].items()]
    rows.append(('all negatives', report['global']))
    lines = [f'| audio | {" | ".join(columns)} |', f'|---|{"---:|" * len(columns)}']
    for title, values in rows:
        cells = (f'{values[name]:.2f}' if name in values else '' for name in columns)
        lines.append(f'| {title} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def draw_report(report: Mapping[str, Any], title: str, path: str | Path) -> None:
    """Bars of mIoU, F and FPR by condition, and of G.

    Args:
        report (Mapping): What :func:`arrange` gave.
        title (str): Over the figure.
        path (str | Path): PNG that is written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    negatives = {'all negatives': report['global']} if report['global'] else {}
    by_condition = {
        name: values
        for name, values in report['conditions'].items()
        if any(key in values for key in ('G_mIoU', 'G_F'))
    }
    _draw_bars(panels[0], report['conditions'], SCORES)
    panels[0].set_title('scores: high is right for the original, low for the others', fontsize=10)
    panels[0].set_ylabel('percent')
    _draw_bars(panels[1], {**by_condition, **negatives}, ('G_mIoU', 'G_F'))
    panels[1].set_title('G: the original, and nothing for a false sound', fontsize=10)
    figure.suptitle(title)
    figure.savefig(path, dpi=120)


def _draw_bars(axes: Any, groups: Mapping[str, Mapping[str, float]], keys: Sequence[str]) -> None:
    """Groups of bars with their values on top; the legend names the keys that occur."""
    keys = [key for key in keys if any(key in values for values in groups.values())]
    width = 0.8 / max(len(keys), 1)
    for index, key in enumerate(keys):
        places = [place for place, values in enumerate(groups.values()) if key in values]
        heights = [values[key] for values in groups.values() if key in values]
        offset = (index - (len(keys) - 1) / 2) * width
        bars = axes.bar([place + offset for place in places], heights, width, label=key)
        axes.bar_label(bars, fmt='%.0f', fontsize=7)
    axes.set_xticks(range(len(groups)), groups, rotation=20)
    axes.set_ylim(0, 105)
    axes.spines[['top', 'right']].set_visible(False)
    if keys:
        axes.legend(frameon=False, fontsize=8)
    else:
        axes.text(0.5, 0.5, 'needs the original and another condition', ha='center', fontsize=8)

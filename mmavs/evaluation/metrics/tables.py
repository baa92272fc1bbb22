# Copyright (c) mmavs developers. All rights reserved.
"""Scores as text."""

from collections.abc import Mapping, Sequence

from mmengine.logging import MMLogger, print_log
from prettytable import PrettyTable
from torch import Tensor


def score_table(metrics: Mapping[str, float]) -> str:
    """One row of scores in percent, rounded to 2 decimals."""
    table = PrettyTable(list(metrics))
    table.add_row([f'{value:.2f}' for value in metrics.values()])
    return table.get_string()


def class_table(names: Sequence[str], columns: Mapping[str, Tensor]) -> str:
    """One row a class.

    Args:
        names (Sequence[str]): C classes.
        columns (Mapping[str, Tensor]): Title -> (C,) floats in percent, or integers. NaN is shown
            as a dash.

    Returns:
        str: A table.
    """
    table = PrettyTable(['class', *columns], align='r')
    table.align['class'] = 'l'
    for index, name in enumerate(names):
        table.add_row([name, *(_cell(values[index].item()) for values in columns.values())])
    return table.get_string()


def log(text: str) -> None:
    """To the log of the run."""
    print_log(text, logger=MMLogger.get_current_instance())


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return '-' if value != value else f'{value:.2f}'

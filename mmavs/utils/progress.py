# Copyright (c) mmavs developers. All rights reserved.
"""One look for the progress of tools."""

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def progress_bar(show: bool = True) -> Progress:
    """A bar with count, time that has passed and time that is left; a context manager.

    Args:
        show (bool): Whether anything is printed. Defaults to True.
    """
    return Progress(
        TextColumn('{task.description:<8}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        disable=not show,
    )

# Copyright (c) mmavs developers. All rights reserved.
"""A diagnosis as a table and as JSON."""

import os
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .examination import Diagnosis
from .findings import CATALOGUE, SEVERITIES, Finding

EXAMPLES = 3
"""int: Findings of a check that the table shows."""
COLOURS = {'error': 'red', 'warning': 'yellow', 'info': 'blue'}
PLAIN_WIDTH = 160
"""int: Columns of the table where the output is no terminal."""


def to_json(diagnosis: Diagnosis, config: str) -> dict[str, Any]:
    """All that was found.

    Args:
        diagnosis (Diagnosis): The result.
        config (str): Name of the config.

    Returns:
        dict: ``config``, ``fast``, ``seconds``, ``clips`` (split -> number), ``files``, ``errors``,
        ``warnings``, ``infos``, ``checks`` (name -> severity, what it finds, count) and
        ``findings``.
    """
    checks = {
        name: dict(
            severity=info.severity,
            finds=info.finds,
            count=sum(finding.check == name for finding in diagnosis.findings),
        )
        for name, info in CATALOGUE.items()
    }
    return dict(
        config=config,
        fast=diagnosis.fast,
        seconds=round(diagnosis.seconds, 1),
        clips=diagnosis.clips,
        files=diagnosis.files,
        errors=diagnosis.count('error'),
        warnings=diagnosis.count('warning'),
        infos=diagnosis.count('info'),
        checks=checks,
        findings=[finding.to_dict() for finding in diagnosis.findings],
    )


def print_report(diagnosis: Diagnosis, console: Console | None = None, infos: bool = False) -> None:
    """Print what was examined, and a table of what was found.

    Args:
        diagnosis (Diagnosis): The result.
        console (Console, optional): Defaults to one on the standard output.
        infos (bool): Whether to show notes too, which are no faults. Defaults to False.
    """
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=PLAIN_WIDTH)
    shown = [f for f in diagnosis.findings if infos or f.severity != 'info']
    if shown:
        console.print(_table(shown))
    clips = ', '.join(f'{count} {split}' for split, count in diagnosis.clips.items()) or 'none'
    counts = ', '.join(f'{_plural(diagnosis.count(s), s)}' for s in SEVERITIES[:2])
    notes = diagnosis.count('info')
    hint = f', {_plural(notes, "note")}' + ('' if infos else ' (--info shows them)')
    how = 'headers only' if diagnosis.fast else f'{diagnosis.files} files'
    console.print(
        f'Clips: {clips} ({how}, {diagnosis.seconds:.0f} s). Found: {counts}'
        f'{hint if notes else ""}.',
        soft_wrap=True,
        highlight=False,
    )


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(show_lines=True)
    table.add_column('check', no_wrap=True)
    table.add_column('severity', no_wrap=True)
    table.add_column('count', justify='right')
    table.add_column('first examples', overflow='fold')
    root = _common_folder(findings)
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.check), []).append(finding)
    for (severity, check), members in groups.items():
        lines = [
            f'{os.path.relpath(f.file, root) if root else f.file}: {f.found}; expected {f.expected}'
            for f in members[:EXAMPLES]
        ]
        table.add_row(
            Text(check),
            Text(severity, style=COLOURS[severity]),
            str(len(members)),
            Text('\n'.join(lines)),
        )
    if root:
        table.caption = f'Files in {root}. All findings, with remedies, are in the file of --out.'
    return table


def _common_folder(findings: Sequence[Finding]) -> str:
    """The folder that all files lie in; empty where there is none."""
    folders = {os.path.dirname(finding.file) for finding in findings}
    try:
        return os.path.commonpath(folders)
    except ValueError:  # absolute and relative ones
        return ''


def _plural(count: int, name: str) -> str:
    return f'{count} {name}' if count == 1 else f'{count} {name}s'

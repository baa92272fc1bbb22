# Copyright (c) mmavs developers. All rights reserved.
"""What the tools share that turn many files into others: the loop, its report, whole files only."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from mmengine.utils import track_parallel_progress, track_progress


class HasTarget(Protocol):
    """A job of :func:`convert_files`: which file it reads and which one it writes."""

    source: Path
    target: Path


class FileJob(NamedTuple):
    """A file to read and the file to write from it."""

    source: Path
    target: Path


class Outcome(NamedTuple):
    """What became of a job: ``'done'``, ``'skipped'`` or ``'failed'``, and then why."""

    state: str
    reason: str = ''


def add_conversion_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--nproc`` and ``--overwrite``, which :func:`convert_files` takes.

    Args:
        parser (ArgumentParser): Of the tool.
    """
    parser.add_argument('--nproc', type=int, default=1, help='number of processes (default: 1)')
    parser.add_argument('--overwrite', action='store_true', help='make existing files again')


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Write a file under another name that becomes its own when the block is done.

    An interrupted run leaves no half file that the next one would take for a whole one.

    Args:
        path (str | Path): The file; its folder is made.

    Yields:
        Path: Where to write, in the same folder and with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.part.{path.name}')
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def convert_files(
    convert: Callable[[Any], None],
    jobs: Sequence[HasTarget],
    nproc: int = 1,
    overwrite: bool = False,
    done: str = 'converted',
    failed: str = 'refused',
    nouns: str = '',
    left_out: Sequence[str] = (),
) -> int:
    """Do all jobs with a progress bar, and print how many came out how, and why others did not.

    A job whose target is there is skipped, so a run can be repeated after an interruption or after
    bad files were mended. One that fails does not keep the others from being done.

    Args:
        convert (Callable): Reads ``job.source`` and writes ``job.target``, or raises an error. With
            several processes, importable by name.
        jobs (Sequence[HasTarget]): What to do.
        nproc (int): Number of processes. Defaults to 1: this one.
        overwrite (bool): Whether to do again what is there. Defaults to False.
        done (str): Word for what was done. Defaults to ``'converted'``.
        failed (str): Word for what failed. Defaults to ``'refused'``.
        nouns (str): What it is that failed, put before that word. Defaults to ''.
        left_out (Sequence[str]): Why other things failed before. Defaults to ().

    Returns:
        int: Exit status, 1 if anything failed.
    """
    work = partial(_convert, convert=convert, overwrite=overwrite)
    if nproc > 1:
        outcomes = track_parallel_progress(work, jobs, nproc, chunksize=16)
    else:
        outcomes = track_progress(work, jobs)
    states = [outcome.state for outcome in outcomes]
    reasons = [*left_out, *(outcome.reason for outcome in outcomes if outcome.state == 'failed')]
    print(
        f'\n{states.count("done")} {done}, {states.count("skipped")} were there already, '
        f'{len(reasons)} {" ".join(filter(None, (nouns, failed)))}'
    )
    for reason in reasons:
        print(f'{failed}: {reason}', file=sys.stderr)
    return int(bool(reasons))


def _convert(job: HasTarget, convert: Callable[[Any], None], overwrite: bool) -> Outcome:
    if job.target.is_file() and not overwrite:
        return Outcome('skipped')
    try:
        convert(job)
    except Exception as error:  # whatever a decoder raises: hours of other files wait behind it
        reason = str(error)
        if not isinstance(error, OSError | ValueError) or not reason:
            reason = f'{type(error).__name__}: {reason}'
        named = str(job.source) in reason
        return Outcome('failed', reason if named else f'{job.source}: {reason}')
    return Outcome('done')

# Copyright (c) mmavs developers. All rights reserved.
"""How a check of one clip is written and entered."""

from collections.abc import Callable, Iterable, Iterator

from .content import ClipContent, FileContent
from .findings import Finding, describe

ClipCheck = Callable[[ClipContent], Iterator[Finding]]

CLIP_CHECKS: list[ClipCheck] = []
"""list: All checks of one clip, in the order in which they run."""


def clip_check(name: str, severity: str, finds: str) -> Callable[[ClipCheck], ClipCheck]:
    """Enter a generator function that looks at a clip and yields findings of the check ``name``.

    Args:
        name (str): See :class:`CheckInfo`.
        severity (str): See :class:`CheckInfo`.
        finds (str): See :class:`CheckInfo`.
    """
    describe(name, severity, finds)

    def enter(function: ClipCheck) -> ClipCheck:
        CLIP_CHECKS.append(function)
        return function

    return enter


def missing(
    clip: ClipContent, check: str, files: Iterable[FileContent | None], what: str, remedy: str
) -> Iterator[Finding]:
    """One finding for all files of a kind that are not there.

    Args:
        clip (ClipContent): The clip.
        check (str): Name of the check.
        files (Iterable): Of the kind, None for those that need not be there.
        what (str): The kind, plural.
        remedy (str): What to do.
    """
    wanted = {file.path: file for file in files if file is not None}
    gone = [path for path, file in wanted.items() if file.missing]
    if gone:
        names = ', '.join(path.rpartition('/')[2] for path in gone)
        found = f'{len(wanted) - len(gone)} of {len(wanted)} {what}; missing: {names}'
        yield clip.finding(check, gone[0], found, f'{len(wanted)} {what}', remedy)


def unreadable(
    clip: ClipContent, check: str, files: Iterable[FileContent | None], expected: str
) -> Iterator[Finding]:
    """One finding for each file that is there and cannot be read."""
    for file in {file.path: file for file in files if file is not None}.values():
        if file.error:
            remedy = 'Extract or download it again.'
            yield clip.finding(check, file.path, file.error, expected, remedy)

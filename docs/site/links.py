# Copyright (c) mmavs developers. All rights reserved.
"""Links of Markdown: find them, and turn them where a page moves."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

FENCE = re.compile(r'^\s*(```+|~~~+)')
LINK = re.compile(r'(!?\[(?:[^\[\]`]|`[^`]*`|\[[^\]]*\])*\])\(([^()\s]+)\)')
EXTERNAL = re.compile(r'^[a-z]+:', re.IGNORECASE)


def prose_lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is outside of fenced code.

    Args:
        text (str): Markdown.

    Yields:
        tuple[str, bool]: The line with its line end, and True where links are links.
    """
    fence = None
    for line in text.splitlines(keepends=True):
        match = FENCE.match(line)
        if fence is None and match:
            fence = match[1]
            yield line, False
        elif fence is not None:
            if match and match[1].startswith(fence):
                fence = None
            yield line, False
        else:
            yield line, True


def find_links(text: str) -> list[str]:
    """The targets of all links and pictures, in order.

    Args:
        text (str): Markdown.

    Returns:
        list[str]: Targets as they are written.
    """
    prose = ''.join(line for line, is_prose in prose_lines(text) if is_prose)
    return [match[2] for match in LINK.finditer(prose)]


def heading_anchors(text: str) -> set[str]:
    """The anchors that GitHub and MyST give the headings.

    Args:
        text (str): Markdown.

    Returns:
        set[str]: Without ``#``.
    """
    anchors: set[str] = set()
    for line, is_prose in prose_lines(text):
        match = re.match(r'#{1,6}\s+(.*?)\s*#*\s*$', line) if is_prose else None
        if not match:
            continue
        title = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', match[1]).lower()
        slug = re.sub(r'[^\w\- ]', '', title).replace(' ', '-')
        unique, number = slug, 0
        while unique in anchors:
            number += 1
            unique = f'{slug}-{number}'
        anchors.add(unique)
    return anchors


def rewrite_links(
    text: str, source: Path, page: Path, pages: dict[Path, Path], target: Path
) -> str:
    """Turn the links of a page that moves.

    Args:
        text (str): Markdown of ``source``.
        source (Path): File that the links are relative to now.
        page (Path): File that they shall be relative to.
        pages (dict[Path, Path]): By file, what it becomes on the site, relative to ``target``.
        target (Path): Root of the site.

    Returns:
        str: The text with its links turned. A link to a folder that is no page becomes its text.
    """

    def turn(match: re.Match) -> str:
        label, link = match[1], match[2]
        path, _, anchor = link.partition('#')
        if EXTERNAL.match(link) or not path:
            return match[0]
        file = Path(os.path.normpath(source.parent / path))
        if file.is_dir():
            file = file / 'README.md'
            if file not in pages:
                return label[1:-1]
        if file in pages:
            file = target / pages[file]
        relative = os.path.relpath(file, page.parent)
        return f'{label}({relative}{"#" + anchor if anchor else ""})'

    return ''.join(apply_outside_code(line, turn) for line in joined_prose(text))


def joined_prose(text: str) -> Iterator[tuple[str, bool]]:
    """Lines of prose in one piece, because the text of a link may go over a line end."""
    block = ''
    for line, is_prose in prose_lines(text):
        if is_prose:
            block += line
            continue
        if block:
            yield block, True
            block = ''
        yield line, False
    if block:
        yield block, True


def apply_outside_code(block: tuple[str, bool], turn: Callable[[re.Match], str]) -> str:
    """Replace the links of a block, if it is prose."""
    text, is_prose = block
    return LINK.sub(turn, text) if is_prose else text

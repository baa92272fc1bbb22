# Copyright (c) mmavs developers. All rights reserved.
"""The Markdown of this checkout, and the code in it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ('*.md', 'docs/en/**/*.md', 'configs/*/README.md', 'projects/**/*.md')
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(r'^```(\w+)\n(.*?)^```', re.MULTILINE | re.DOTALL)


def name(path: Path) -> str:
    """A page as a test calls it."""
    return str(path.relative_to(ROOT))


def code_blocks(path: Path, language: str) -> list[str]:
    """The fenced code of a page in this language."""
    return [code for word, code in BLOCK.findall(path.read_text()) if word == language]


def named_files(path: Path) -> dict[str, str]:
    """The files that a page shows: Python whose first line is a comment with a path."""
    files = {}
    for code in code_blocks(path, 'python'):
        match = re.match(r'# (\S+\.py)\n', code)
        if match:
            files[match[1]] = code
    return files

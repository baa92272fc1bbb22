# Copyright (c) mmavs developers. All rights reserved.
"""Files and folders that lie among those of the clips, and that no row of a csv names."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from .findings import Finding, describe
from .sources import Source

describe('extra_files', 'warning', 'files in the folder of a clip that are none of its own')
describe('unlisted_files', 'warning', 'files among those of clips that no row of the csv names')
describe('unlisted_clips', 'warning', 'folders among those of clips that no row of the csv names')

JUNK = ('.', '__MACOSX', 'PaxHeader', 'Thumbs.db')
"""tuple[str]: How the names of what systems leave behind begin."""
SHOWN = 5
"""int: Names that a finding lists."""


@dataclass
class Territory:
    """What the csv files of one folder name below it. Paths are absolute, but for ``root``.

    Args:
        root (str): The folder of the csv; what lies outside is not the csv's own.
        files (set[str]): Files that are named.
        suffixes (dict[str, set[str]]): Folder -> endings of the files in it that are named.
        clips (dict[str, str]): Folder of one clip -> the clip.
        inside (dict[str, str]): Folder in the folder of a clip, or that itself -> the clip.
    """

    root: str
    files: set[str] = field(default_factory=set)
    suffixes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    clips: dict[str, str] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)

    def add(self, clip_id: str, paths: Iterable[str]) -> None:
        """Enter the files of a clip. Its folder, if it has one, has the name of the clip."""
        name, root = clip_id.rpartition('/')[2], os.path.abspath(self.root)
        for path in map(os.path.abspath, paths):
            if not path.startswith(root + os.sep):
                continue
            self.files.add(path)
            folder = os.path.dirname(path)
            self.suffixes[folder].add(os.path.splitext(path)[1])
            own = folder
            while own != root and os.path.basename(own) != name:
                own = os.path.dirname(own)
            if own != root:
                self.clips[own] = self.inside[folder] = clip_id

    def shown(self, path: str) -> str:
        """A path as the config would write it."""
        return os.path.join(self.root, os.path.relpath(path, self.root))


def find_unlisted(sources: Sequence[Source]) -> Iterator[Finding]:
    """Look through the folders of all clips that are listed, of any split."""
    territories: dict[str, Territory] = {}
    for source in sources:
        root = os.path.dirname(source.ann_file) or '.'
        territory = territories.setdefault(root, Territory(root))
        for task in source.listed:
            territory.add(task.clip_id, task.files())
    for territory in territories.values():
        yield from _extra_files(territory)
        yield from _unlisted_clips(territory)


def _extra_files(territory: Territory) -> Iterator[Finding]:
    """Files of the kinds that are named in a folder, but not named."""
    for folder, suffixes in territory.suffixes.items():
        extra = [
            entry.name
            for entry in _entries(folder)
            if entry.is_file()
            and os.path.splitext(entry.name)[1] in suffixes
            and entry.path not in territory.files
        ]
        if extra:
            clip = territory.inside.get(folder, '')
            remedy = 'Delete them, or complete the csv.'
            yield Finding(
                'extra_files' if clip else 'unlisted_files',
                territory.shown(os.path.join(folder, min(extra))),
                f'{len(extra)} files that are not named: {_some(extra)}',
                'files that the csv names, and no others',
                remedy,
                clip,
            )


def _unlisted_clips(territory: Territory) -> Iterator[Finding]:
    """Folders beside those of clips, and beside the folders that hold these."""
    shelves = {os.path.dirname(folder) for folder in territory.clips}
    if not shelves:
        return
    top = os.path.commonpath(shelves)
    named, looked_at = set(territory.clips), set(shelves)
    for shelf in shelves:
        while len(shelf) > len(top):
            named.add(shelf)
            shelf = os.path.dirname(shelf)
            if len(shelf) > len(top):
                looked_at.add(shelf)
    for shelf in sorted(looked_at):
        for entry in _entries(shelf):
            if entry.is_dir() and entry.path not in named:
                yield Finding(
                    'unlisted_clips',
                    territory.shown(entry.path),
                    'a folder that is not named',
                    'folders of clips that the csv names, and no others',
                    'Delete it, or complete the csv.',
                )


def _entries(folder: str) -> list[os.DirEntry]:
    """What lies in a folder, sorted, without junk; nothing where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(JUNK)]
    except OSError:
        return []
    return sorted(found, key=lambda entry: entry.name)


def _some(names: Sequence[str]) -> str:
    more = f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''
    return ', '.join(sorted(names)[:SHOWN]) + more

# Copyright (c) mmavs developers. All rights reserved.
"""What the doctor finds, and the list of all that it looks for."""

from dataclasses import asdict, dataclass
from typing import Any

SEVERITIES = ('error', 'warning', 'info')
"""tuple[str]: From what spoils a number to what is only good to know."""


@dataclass(frozen=True)
class CheckInfo:
    """A kind of fault.

    Args:
        name (str): Of the check.
        severity (str): Of its findings, where a finding does not say otherwise.
        finds (str): What it finds, a phrase.
    """

    name: str
    severity: str
    finds: str


CATALOGUE: dict[str, CheckInfo] = {}
"""dict[str, CheckInfo]: All checks by their names; filled where they are written."""


def describe(name: str, severity: str, finds: str) -> None:
    """Enter a check into the catalogue; see :class:`CheckInfo`."""
    assert severity in SEVERITIES and name not in CATALOGUE, name
    CATALOGUE[name] = CheckInfo(name, severity, finds)


@dataclass(frozen=True)
class Finding:
    """One fault of one file or clip.

    Args:
        check (str): A name of :data:`CATALOGUE`.
        file (str): The file or folder at fault.
        found (str): What is there.
        expected (str): What should be there.
        remedy (str): What to do.
        clip (str): Which clip it belongs to, empty if none.
        split (str): Of the clip, empty if it has none.
        severity (str): Defaults to that of the check.
    """

    check: str
    file: str
    found: str
    expected: str
    remedy: str
    clip: str = ''
    split: str = ''
    severity: str = ''

    def __post_init__(self) -> None:
        if not self.severity:
            object.__setattr__(self, 'severity', CATALOGUE[self.check].severity)
        assert self.severity in SEVERITIES, self.severity

    def to_dict(self) -> dict[str, Any]:
        """For JSON, the most telling entries first."""
        order = ('check', 'severity', 'split', 'clip', 'file', 'found', 'expected', 'remedy')
        entries = asdict(self)
        return {key: entries[key] for key in order}

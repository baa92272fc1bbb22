# Copyright (c) mmavs developers. All rights reserved.
"""What a training has written down, as curves over the iterations."""

import json
from dataclasses import dataclass, field
from pathlib import Path

SCALARS = 'scalars.json'
TIMES = ('time', 'data_time')
_PLACES = ('iter', 'epoch', 'step')

Points = list[tuple[int, float]]


@dataclass
class TrainingLog:
    """Curves of one training.

    Attributes:
        values (dict[str, Points]): By key, such as ``loss`` or ``avs/mIoU``: iteration and value,
            ascending. A score belongs to the last iteration that was logged before it.
        scores (list[str]): Those of ``values`` that validation has written.
    """

    values: dict[str, Points] = field(default_factory=dict)
    scores: list[str] = field(default_factory=list)

    @property
    def last_step(self) -> int:
        """int: The last iteration that was logged."""
        return max((points[-1][0] for points in self.values.values() if points), default=0)

    def mean(self, key: str) -> float | None:
        """Mean of the values of a key, None where there are none."""
        points = self.values.get(key)
        return sum(value for _, value in points) / len(points) if points else None

    def add(self, step: int, record: dict, is_score: bool) -> None:
        """Take the numbers of one line."""
        for key, value in record.items():
            if key in _PLACES or (is_score and key in TIMES) or not isinstance(value, (int, float)):
                continue
            self.values.setdefault(key, []).append((step, float(value)))
            if is_score and key not in self.scores:
                self.scores.append(key)

    def rewind(self, step: int) -> None:
        """Forget what was logged at or after an iteration: a resumed run writes it again."""
        for key, points in self.values.items():
            self.values[key] = [point for point in points if point[0] < step]


def read_training_log(path: str | Path) -> TrainingLog:
    """Read a log of mmengine's Runner.

    Args:
        path (str | Path): ``scalars.json``, a run (the folder named by its time), or a work dir,
            whose runs are joined in the order of their names.

    Returns:
        TrainingLog: Its curves.

    Raises:
        FileNotFoundError: If there is no log.
        ValueError: If a line is no JSON, or there is nothing of a training.
    """
    path, log = Path(path), TrainingLog()
    for file in _files(path):
        step = None
        for number, line in enumerate(file.read_text(encoding='utf-8').splitlines(), 1):
            record = _parse(line, file, number)
            if 'iter' in record:
                if step is None:
                    log.rewind(int(record['iter']))
                step = int(record['iter'])
                log.add(step, record, is_score=False)
            elif step is not None:  # a test alone has no place among iterations
                log.add(step, record, is_score=True)
    if not log.values:
        raise ValueError(
            f'{path}: there is no line of a training in it, only of tests. Name the work dir of '
            'tools/train.py.'
        )
    return log


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(path.glob(f'*/vis_data/{SCALARS}')) or sorted(path.glob(f'**/{SCALARS}'))
    if not found:
        raise FileNotFoundError(
            f'{path}: no {SCALARS} here. Expected that file, or the work dir of tools/train.py.'
        )
    return found


def _parse(line: str, file: Path, number: int) -> dict:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise ValueError(f'{file}, line {number}: expected a JSON object, found {line[:60]!r}.')
    return record

# Copyright (c) mmavs developers. All rights reserved.
"""The published ways to score a benchmark, by name.

Numbers of different papers do not compare where their protocols differ; docs/en/protocols.md says
how far apart they are. A protocol is a metric with its arguments and the two of its results that
the papers print as mIoU and F.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prettytable import PrettyTable

TASKS = dict(
    binary='binary clips (S4, MS3)',
    avss='semantic clips (AVSS)',
    vpo='semantic images (VPO)',
)
NUM_CLASSES = {2: 'binary', 71: 'avss', 22: 'vpo'}
BY_CLASS_NAME = dict(VPODataset='vpo', AVSBenchSemanticDataset='avss')


@dataclass(frozen=True)
class Protocol:
    """One published way to score one kind of task.

    Attributes:
        name: What ``--protocol`` calls it; also the prefix of its results.
        task: Key of :data:`TASKS`.
        used_by: Who reports by it.
        metric: Config of the metric, without prefix.
        miou: The result that is printed as mIoU.
        f: The result that is printed as F.
        note: What to know before comparing.
    """

    name: str
    task: str
    used_by: str
    metric: Mapping[str, Any] = field(hash=False)
    miou: str
    f: str
    note: str

    def metric_config(self) -> dict[str, Any]:
        """Config of the metric, with the name as its prefix."""
        return dict(self.metric, prefix=self.name)


def _avsbench(name: str, used_by: str, clips: int, note: str) -> Protocol:
    metric = dict(type='AVSBenchMetric', f_batch_size=clips)
    return Protocol(name, 'binary', used_by, metric, f'mIoU_b{clips}', f'Fscore_b{clips}', note)


def _semantic(name: str, used_by: str, padded: bool, note: str) -> Protocol:
    metric = dict(type='AVSSemanticMetric', count_padded_frames=padded, per_class=False)
    return Protocol(name, 'avss', used_by, metric, 'mIoU', 'Fscore', note)


def _per_dataset(task: str, absent: str, note: str) -> Protocol:
    name, used_by = {'zero': ('cavp', 'CAVP, CPM'), 'skip': ('ravs', 'DDESeg, RAVS')}[absent]
    metric = dict(type='PerDatasetMetric', absent=absent, per_class=False)
    if absent == 'skip':
        metric['subsets'] = ('subset', 'partition')
    return Protocol(name, task, used_by, metric, 'mIoU', 'Fscore', note)


_BOTH_CLASSES = 'mean of background and object over all pixels: far above per-frame numbers'
_ALL_CLASSES = 'pixels of all frames together; absent classes '
PROTOCOLS = (
    _avsbench('avsegformer', 'AVSegFormer', 2, 'F: best threshold per batch of 2 clips'),
    _avsbench(
        'tpavi', 'TPAVI', 4, 'F: best threshold per batch of 4 clips (its script; default 1: vct)'
    ),
    _avsbench('vct', 'VCT, COMBO', 1, 'F: best threshold per clip; published with 4 decimals'),
    Protocol(
        'avsbench',
        'binary',
        'mmavs',
        dict(type='AVSBenchMetric', f_batch_size=1),
        'mIoU',
        'Fscore_dataset',
        'mean over frames; F: one threshold for all, no batch plays a part',
    ),
    _per_dataset('binary', 'zero', _BOTH_CLASSES),
    _per_dataset('binary', 'skip', f'{_BOTH_CLASSES}; official script crashes here'),
    _semantic('avsegformer', 'AVSegFormer', True, 'padded frames count as perfect background'),
    _semantic('tpavi', 'TPAVI', True, 'padded frames count as perfect background'),
    _semantic('vct', 'VCT, COMBO', False, 'padded frames do not count; 4 decimals'),
    _per_dataset('avss', 'zero', f'{_ALL_CLASSES}are IoU 0'),
    _per_dataset('avss', 'skip', f'{_ALL_CLASSES}are left out'),
    _per_dataset('vpo', 'zero', f'{_ALL_CLASSES}are IoU 0'),
    _per_dataset('vpo', 'skip', f'{_ALL_CLASSES}are left out'),
)
"""tuple[Protocol]: All that are known; a name stands for one protocol in each task."""


def task_of(dataset: Any) -> str:
    """Which kind of task a data set is.

    Looks into wrappers (``ConcatDataset``, ``RepeatDataset``, ``Subset``). A data set with two
    classes is binary; the others are told by their class, or else by their number of classes.

    Args:
        dataset (Any): Built, with ``classes`` in its metainfo.

    Returns:
        str: Key of :data:`TASKS`.

    Raises:
        ValueError: If it is none, or holds several kinds.
    """
    tasks = {_task_of_part(part) for part in _parts(dataset)}
    if len(tasks) != 1:
        raise ValueError(
            f'The test data set holds several kinds of tasks, {sorted(tasks)}, which no protocol '
            'scores together. Test them one after the other.'
        )
    return tasks.pop()


def protocols_for(task: str, names: Sequence[str] = ('all',)) -> list[Protocol]:
    """The protocols of a task.

    Args:
        task (str): Key of :data:`TASKS`.
        names (Sequence[str]): Which ones; ``'all'`` for all that apply. Defaults to ``('all',)``.

    Returns:
        list[Protocol]: Each once, in the order of :data:`PROTOCOLS`.

    Raises:
        ValueError: If a name is unknown, or does not apply to the task.
    """
    applying = {protocol.name: protocol for protocol in PROTOCOLS if protocol.task == task}
    known = dict.fromkeys(protocol.name for protocol in PROTOCOLS)
    for name in names:
        if name == 'all' or name in applying:
            continue
        if name in known:
            raise ValueError(
                f'Protocol "{name}" does not apply to {TASKS[task]}. Those that do: '
                f'{", ".join(applying)}.'
            )
        raise ValueError(f'There is no protocol "{name}", expected all, or of: {", ".join(known)}.')
    if not names:
        raise ValueError(f'No protocol is named, expected all, or of: {", ".join(applying)}.')
    if 'all' in names:
        return list(applying.values())
    return [protocol for name, protocol in applying.items() if name in names]


def protocol_table(protocols: Sequence[Protocol], scores: Mapping[str, float]) -> str:
    """One row a protocol: its mIoU and F, what else its metric gives, and what to know.

    Args:
        protocols (Sequence[Protocol]): Of one task.
        scores (Mapping[str, float]): ``<protocol>/<result>`` -> percent.

    Returns:
        str: A table, values rounded to 2 decimals.
    """
    table = PrettyTable(['protocol', 'used by', 'mIoU', 'F', 'further', 'note'], align='l')
    table.max_width.update({'further': 46, 'note': 34})
    for protocol in protocols:
        own = {
            name.removeprefix(f'{protocol.name}/'): f'{value:.2f}'
            for name, value in scores.items()
            if name.startswith(f'{protocol.name}/')
        }
        main = own.pop(protocol.miou), own.pop(protocol.f)
        further = ', '.join(f'{name} {value}' for name, value in own.items())
        row = [protocol.name, protocol.used_by, *main, further, protocol.note]
        table.add_row(row, divider=True)
    return f'Published protocols for {TASKS[protocols[0].task]}, in percent\n{table.get_string()}'


def _parts(dataset: Any) -> list[Any]:
    """The data sets inside wrappers."""
    inner = getattr(dataset, 'datasets', None)
    if inner is None and hasattr(dataset, 'dataset'):
        inner = [dataset.dataset]
    return [dataset] if inner is None else [leaf for part in inner for leaf in _parts(part)]


def _task_of_part(dataset: Any) -> str:
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes', ())
    names = [kind.__name__ for kind in type(dataset).__mro__]
    if len(classes) != 2:
        for name in names:
            if name in BY_CLASS_NAME:
                return BY_CLASS_NAME[name]
    if len(classes) not in NUM_CLASSES:
        raise ValueError(
            f'No published protocol is for {names[0]} with {len(classes)} classes; they are for '
            '2 (S4, MS3), 71 (AVSS) and 22 (VPO). Test without --protocol.'
        )
    return NUM_CLASSES[len(classes)]

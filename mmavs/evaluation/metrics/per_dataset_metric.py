# Copyright (c) mmavs developers. All rights reserved.
"""mIoU, F and FDR from counts over a whole data set, as CAVP, CPM, DDESeg and RAVS report them."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmavs.evaluation.functional import (
    ClassAreas,
    DatasetScores,
    class_areas,
    dataset_scores,
    is_multi_source,
)
from mmavs.evaluation.functional.f_measure import BETA2
from mmavs.evaluation.functional.per_dataset import ABSENT
from mmavs.registry import METRICS

from .samples import (
    LABEL_FIELDS,
    class_names,
    foreground,
    groups,
    require_fields,
    scored_frames,
)
from .tables import class_table, log, score_table

MULTI_SOURCE = 'multi_source'


@METRICS.register_module()
class PerDatasetMetric(BaseMetric):
    """Scores of pixel counts that are summed over all frames before any ratio is taken.

    A binary task has the two classes background and sounding, and its numbers are means of both:
    far above AVSBench's, which look at the object alone. Reported, in percent:

    - ``mIoU``, ``Fscore`` (beta2), ``F1``: means over the classes, see ``absent``.
    - ``FDR``: share of wrong pixels among those predicted as a class, mean over the classes that
      are predicted at all; lower is better.
    - ``aAcc``: share of all labelled pixels that are right.

    Source: ``utils/eval_utils.py`` of CAVP (CPM shares its authors), ``util_tools/metrics.py`` of
    DDESeg (whose protocol RAVS shares). CAVP rounds to 4 decimals; here only the table is rounded.
    mmseg's IoUMetric has the mIoU of ``absent='skip'`` and the aAcc, but leaves every class that is
    never hit out of its F.

    Args:
        absent (str): Classes in neither prediction nor label: ``'zero'`` counts them as IoU 0 and
            leaves them out of F (CAVP, CPM), ``'skip'`` leaves them out of both (DDESeg, RAVS).
            Defaults to ``'zero'``.
        include_background (bool): Whether class 0 takes part in the means. Defaults to True.
        ignore_index (int): Label of the pixels that count nowhere. Defaults to 255.
        subsets (Sequence[str]): Names in the metainfo of the samples; where the clips differ in
            one, the scores of each of its values are reported too (``mIoU_v1s``).
            ``'multi_source'`` is one of frames: those for which :func:`is_multi_source` holds, if
            there are any. All C classes count in a subset too.
            Defaults to ``('subset', 'partition', 'multi_source')``.
        threshold (float, optional): In a binary task a pixel is foreground where ``pred_scores`` is
            above this; None takes ``pred_sem_seg`` as predicted. Defaults to 0.5.
        beta2 (float): Weight of precision in Fscore. Defaults to 0.3.
        num_classes (int, optional): C. Defaults to None: as many as the data set has.
        per_class (bool): Whether the log shows a table of all classes. Defaults to True.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where processes exchange results.
            Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to ``'per_dataset'``.
        collect_dir (str, optional): Folder through which processes exchange results.
            Defaults to None.
    """

    default_prefix = 'per_dataset'

    def __init__(
        self,
        absent: str = 'zero',
        include_background: bool = True,
        ignore_index: int = 255,
        subsets: Sequence[str] = ('subset', 'partition', MULTI_SOURCE),
        threshold: float | None = 0.5,
        beta2: float = BETA2,
        num_classes: int | None = None,
        per_class: bool = True,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if absent not in ABSENT:
            raise ValueError(f'absent is {absent!r}, expected one of {ABSENT}.')
        self.absent = absent
        self.include_background = include_background
        self.ignore_index = ignore_index
        self.multi_source = MULTI_SOURCE in subsets
        self.subsets = tuple(key for key in subsets if key != MULTI_SOURCE)
        self.threshold = threshold
        self.beta2 = beta2
        self.num_classes = num_classes
        self.per_class = per_class

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of clips; each adds one result, of a few kilobytes.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One dict a clip with ``pred_sem_seg`` (or
                ``pred_scores``) and ``gt_sem_seg`` (T, H, W) and the flags ``frame_valid`` and
                ``frame_annotated`` (T,).

        Raises:
            ValueError: If a field is missing, or a value is no class.
        """
        names = class_names(self.dataset_meta, self.num_classes, type(self).__name__)
        for sample in data_samples:
            binary = self.threshold is not None and 'pred_scores' in sample
            field = 'pred_scores' if binary else 'pred_sem_seg'
            require_fields(sample, (field, *LABEL_FIELDS), type(self).__name__)
            whole = foreground(sample, self.threshold) if binary else sample[field]['data']
            pred, target = scored_frames(sample, whole, field)
            areas = class_areas(pred, target, len(names), self.ignore_index)
            result = dict(
                areas=_stack(areas), groups={key: sample.get(key) for key in self.subsets}
            )
            if self.multi_source:
                chosen = is_multi_source(target)
                result[MULTI_SOURCE] = _stack(ClassAreas(*(area[chosen] for area in areas)))
            self.results.append(result)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Put the clips together.

        Args:
            results (list[dict]): One result a clip.

        Returns:
            dict[str, float]: Names without prefix -> percent. FDR is NaN where nothing was
            predicted as any of the classes that count.

        Raises:
            ValueError: If no pixel was scored.
        """
        parts = {
            name: [clip['areas'] for clip in clips]
            for name, clips in groups(results, self.subsets).items()
        }
        if self.multi_source:
            parts[MULTI_SOURCE] = [clip[MULTI_SOURCE] for clip in results]
        total = _sum([clip['areas'] for clip in results])
        if total is None:
            raise ValueError(
                f'None of the {len(results)} clips has a labelled pixel in an annotated frame, so '
                'there is nothing to score. Evaluate a split that has masks.'
            )
        metrics = self._scores(total)
        text = f'{len(results)} clips, absent classes: {self.absent}\n{score_table(metrics)}'
        for name, clips in parts.items():
            areas = _sum(clips)
            if areas is not None:
                part = {f'{key}_{name}': value for key, value in self._scores(areas).items()}
                text += f'\n{name}:\n{score_table(part)}'
                metrics.update(part)
        if self.per_class:
            text = f'{self._class_table(total)}\n{text}'
        log(text)
        return metrics

    def _scores(self, areas: ClassAreas) -> dict[str, float]:
        first = 0 if self.include_background else 1
        per_class = dataset_scores(areas, self.absent, self.beta2)
        iou, f, f1, fdr = (100 * values[first:].nanmean().item() for values in per_class)
        accuracy = 100 * areas.correct.sum().item() / areas.labelled.sum().item()
        return dict(mIoU=iou, Fscore=f, F1=f1, FDR=fdr, aAcc=accuracy)

    def _class_table(self, areas: ClassAreas) -> str:
        names = class_names(self.dataset_meta, self.num_classes, type(self).__name__)
        scores = dataset_scores(areas, self.absent, self.beta2)
        titles = dict(zip(DatasetScores._fields, ('IoU', 'F', 'F1', 'FDR'), strict=True))
        columns = {titles[key]: 100 * values for key, values in scores._asdict().items()}
        return class_table(names, {**columns, 'labelled pixels': areas.labelled})


def _stack(areas: ClassAreas) -> Tensor:
    """(3, C) int64, summed over frames."""
    return torch.stack([area.sum(0) for area in areas]).cpu()


def _sum(clips: Sequence[Tensor]) -> ClassAreas | None:
    """Counts of all clips, or None where nothing is labelled."""
    if not clips:
        return None
    areas = ClassAreas(*torch.stack(list(clips)).sum(0))
    return areas if areas.labelled.any() else None

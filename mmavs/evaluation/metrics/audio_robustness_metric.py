# Copyright (c) mmavs developers. All rights reserved.
"""What a model segments when it hears something else than what is to be seen."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from prettytable import PrettyTable

from mmavs.evaluation.functional import (
    activated_area,
    f_curve,
    global_score,
    mask_iou,
    threshold_histogram,
)
from mmavs.evaluation.functional.f_measure import BETA2
from mmavs.registry import METRICS
from mmavs.structures import IGNORE_INDEX

from .samples import LABEL_FIELDS, foreground, require_fields, scored_frames
from .tables import log

POSITIVE = 'original'
NEGATIVES = ('silence', 'noise', 'offscreen')


@METRICS.register_module()
class AudioRobustnessMetric(BaseMetric):
    """The protocol of AVSBench-Robust: the same frames and masks, heard with other sounds.

    Each sample says in its metainfo what it was heard with (``audio_condition``), so one test over
    a ``ConcatDataset`` of the conditions gives everything. The ground truth of every condition is
    the mask that belongs to the real sound: with a false sound lower scores are better. Reported,
    in percent, for each condition c:

    - ``mIoU_<c>``, ``F_<c>``: as in :class:`AVSBenchMetric`, F over batches of ``f_batch_size``.
    - ``FPR_<c>``: share of the pixels that are predicted as sounding; a false positive rate where
      the sound is false.

    and, where ``original`` is among the conditions:

    - ``G_mIoU``, ``G_F``, ``G_FPR``: :func:`global_score` of the original and of the mean over the
      negatives ``silence``, ``noise`` and ``offscreen``, and their mean FPR.
    - ``G_mIoU_<c>``, ``G_F_<c>``: of one condition. ``swapped`` has these as well but is no
      negative of the benchmark (another clip's sound may fit what is seen), so it is not in the
      means.

    Semantic predictions work too: foreground is every class but 0. F needs ``pred_scores`` and is
    left out, with a note in the log, where the samples have none. Pixels without a label (255, VPO)
    count as background that is left empty.

    Source: ``test.py`` and ``utility.py`` of AVSBench-Robust; G: see :func:`global_score`.

    Args:
        f_batch_size (int): Clips in a batch of the official evaluation of F: 1 for MS3, 2 for S4.
            Defaults to 1.
        threshold (float, optional): A pixel is foreground where its score is above this; None takes
            ``pred_sem_seg`` as predicted. Defaults to 0.5.
        skip_empty_clips (bool): Leave out clips without an object in any frame, which officially
            count as F = 0. Defaults to False.
        beta2 (float): Weight of precision in F. Defaults to 0.3.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where processes exchange results.
            Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to ``'robust'``.
        collect_dir (str, optional): Folder through which processes exchange results.
            Defaults to None.
    """

    default_prefix = 'robust'

    def __init__(
        self,
        f_batch_size: int = 1,
        threshold: float | None = 0.5,
        skip_empty_clips: bool = False,
        beta2: float = BETA2,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if f_batch_size < 1:
            raise ValueError(f'f_batch_size must be at least 1 clip, got {f_batch_size}.')
        self.f_batch_size = f_batch_size
        self.threshold = threshold
        self.skip_empty_clips = skip_empty_clips
        self.beta2 = beta2

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score clips; each adds one result, of a few kilobytes.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One dict a clip with ``audio_condition``, ``pred_scores``
                or ``pred_sem_seg``, ``gt_sem_seg`` (T, H, W) and the flags ``frame_valid`` and
                ``frame_annotated`` (T,).

        Raises:
            ValueError: If a field is missing, or prediction and label differ in size.
        """
        for sample in data_samples:
            binary = 'pred_scores' in sample
            fields = ('audio_condition', *LABEL_FIELDS)
            needed = fields if binary and self.threshold is not None else ('pred_sem_seg', *fields)
            require_fields(sample, needed, type(self).__name__)
            pred, labels = scored_frames(sample, foreground(sample, self.threshold), 'prediction')
            unlabelled = labels == IGNORE_INDEX
            pred, target = pred & ~unlabelled, (labels > 0) & ~unlabelled
            has_object = target.flatten(1).any(1)
            result = dict(
                condition=sample['audio_condition'],
                iou=mask_iou(pred, target).cpu(),
                area=activated_area(pred).cpu(),
                num_f_frames=int(has_object.sum()),
            )
            if binary:
                scores, _ = scored_frames(sample, sample['pred_scores']['data'], 'pred_scores')
                scores = scores.masked_fill(unlabelled, 0)
                curves = f_curve(threshold_histogram(scores, target), self.beta2)
                result['f_curve'] = curves[has_object].sum(0).cpu()
            self.results.append(result)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Put the clips together.

        Args:
            results (list[dict]): One result a clip; the clips of a condition in their order.

        Returns:
            dict[str, float]: Names without prefix -> percent.

        Raises:
            ValueError: If no frame was scored.
        """
        counted = [clip for clip in results if clip['num_f_frames'] or not self.skip_empty_clips]
        if not any(len(clip['iou']) for clip in counted):
            raise ValueError(
                f'None of the {len(results)} clips has an annotated frame'
                f'{" with an object" if self.skip_empty_clips else ""}, so there is nothing to '
                'score. Evaluate a split that has masks.'
            )
        clips: dict[str, list[dict]] = {}
        for clip in counted:
            clips.setdefault(clip['condition'], []).append(clip)
        scores = {
            condition: self._scores(part)
            for condition, part in clips.items()
            if any(len(clip['iou']) for clip in part)
        }
        totals = global_scores(scores)
        self._log(clips, scores, totals)
        metrics = {f'{k}_{c}': v for c, part in scores.items() for k, v in part.items()}
        return {name: 100 * value for name, value in {**metrics, **totals}.items()}

    def _scores(self, clips: list[dict]) -> dict[str, float]:
        """mIoU, F if there are scores, and FPR of one condition, as fractions."""
        scores = dict(mIoU=torch.cat([clip['iou'] for clip in clips]).mean().item())
        if all('f_curve' in clip for clip in clips):
            size = self.f_batch_size
            batches = [clips[i : i + size] for i in range(0, len(clips), size)]
            batches = [batch for batch in batches if any(len(clip['iou']) for clip in batch)]
            scores['F'] = sum(_best_f(batch) for batch in batches) / len(batches)
        return dict(scores, FPR=torch.cat([clip['area'] for clip in clips]).mean().item())

    def _log(self, clips: dict, scores: dict, totals: dict[str, float]) -> None:
        columns = ('mIoU', 'F', 'FPR', 'G_mIoU', 'G_F', 'G_FPR')
        table = PrettyTable(['audio', 'clips', *columns], align='r')
        table.align['audio'] = 'l'

        def cells(values: dict[str, float]) -> list[str]:
            return [f'{100 * values[key]:.2f}' if key in values else '' for key in columns]

        for condition, part in scores.items():
            own = {f'G_{key}': totals.get(f'G_{key}_{condition}') for key in ('mIoU', 'F')}
            own = {key: value for key, value in own.items() if value is not None}
            table.add_row([condition, len(clips[condition]), *cells({**part, **own})])
        if any(key in totals for key in columns):
            table.add_row(['all negatives', '', *cells(totals)])
        note = ''
        if any('F' not in part for part in scores.values()):
            note = '\nNo F: it needs pred_scores, which only binary tasks have.'
        log(f'{table.get_string()}{note}')


def global_scores(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """G of every condition but the original one, and of the negatives together.

    Args:
        scores (dict): Condition -> ``mIoU``, ``F`` (optional) and ``FPR``, as fractions.

    Returns:
        dict[str, float]: ``G_mIoU_<c>``, ``G_F_<c>``, and ``G_mIoU``, ``G_F`` and ``G_FPR`` where
        there is a negative; as fractions. Empty without the original condition, but for ``G_FPR``.
    """
    totals: dict[str, float] = {}
    negatives = [scores[name] for name in NEGATIVES if name in scores]
    for key in ('mIoU', 'F'):
        positive = scores.get(POSITIVE, {}).get(key)
        if positive is None:
            continue
        if negatives and all(key in part for part in negatives):
            mean = sum(part[key] for part in negatives) / len(negatives)
            totals[f'G_{key}'] = global_score(positive, mean)
        for condition, part in scores.items():
            if condition != POSITIVE and key in part:
                totals[f'G_{key}_{condition}'] = global_score(positive, part[key])
    if negatives:
        totals['G_FPR'] = sum(part['FPR'] for part in negatives) / len(negatives)
    return totals


def _best_f(batch: list[dict]) -> float:
    """The highest value of the mean curve of some clips, 0 where no frame has an object."""
    frames = sum(clip['num_f_frames'] for clip in batch)
    return (torch.stack([clip['f_curve'] for clip in batch]).sum(0) / max(frames, 1)).max().item()

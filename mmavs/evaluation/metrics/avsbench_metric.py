# Copyright (c) mmavs developers. All rights reserved.
"""J and F of AVSBench S4 and MS3."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmavs.evaluation.functional import f_curve, mask_iou, threshold_histogram
from mmavs.evaluation.functional.f_measure import BETA2, NUM_THRESHOLDS
from mmavs.registry import METRICS

from .samples import LABEL_FIELDS, clip_name, require_fields, scored_frames
from .tables import log, score_table

HALF = NUM_THRESHOLDS // 2
"""int: Index of the threshold 0.5."""


@METRICS.register_module()
class AVSBenchMetric(BaseMetric):
    """Mask IoU and F-measure of a binary task, as published and independent of batches.

    The published numbers are means over the batches of the official evaluation, and F depends on
    the batch: the curves of its frames are averaged before the best threshold is chosen. So the
    clips are grouped by ``f_batch_size`` in the order of the data set (do not shuffle it), however
    many clips a batch or a process of ours has. Reported, in percent:

    - ``mIoU``: mean over all frames.
    - ``mIoU_b<n>``, ``Fscore_b<n>``: as published, mean over batches of n clips.
    - ``Fscore_dataset``: one curve and one threshold for all frames.
    - ``Fscore_0.5``: that curve at the threshold 0.5.

    Frames that pad a clip or have no annotation never count. Frames without an object count in the
    IoU, not in F; a batch of only such frames counts as F = 0, as it does officially. Batches
    without any annotated frame are left out.

    Source: ``mask_iou``, ``Eval_Fmeasure`` and ``test.py`` of AVSBench and AVSegFormer.

    Args:
        f_batch_size (int): Clips in a batch of the official evaluation: 2 in AVSegFormer, 4 in
            TPAVI, 1 in VCT and COMBO. Defaults to 1.
        threshold (float): A pixel is foreground for the IoU where its score is above this.
            Defaults to 0.5.
        beta2 (float): Weight of precision in F. Defaults to 0.3.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where processes exchange results.
            Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to ``'avs'``.
        collect_dir (str, optional): Folder through which processes exchange results.
            Defaults to None.
    """

    default_prefix = 'avs'

    def __init__(
        self,
        f_batch_size: int = 1,
        threshold: float = 0.5,
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
        self.beta2 = beta2

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score clips; each adds one result, of a few kilobytes.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One dict a clip with ``pred_scores`` and ``gt_sem_seg``
                (T, H, W) and the flags ``frame_valid`` and ``frame_annotated`` (T,).

        Raises:
            ValueError: If a field is missing, or labels or scores are not those of a binary task.
        """
        for sample in data_samples:
            scores, target = self._scored_frames(sample)
            has_object = target.flatten(1).any(1)
            curves = f_curve(threshold_histogram(scores, target), self.beta2)
            self.results.append(
                dict(
                    iou=mask_iou(scores > self.threshold, target).cpu(),
                    f_curve=curves[has_object].sum(0).cpu(),
                    num_f_frames=int(has_object.sum()),
                )
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Put the clips together.

        Args:
            results (list[dict]): One result a clip, in the order of the data set.

        Returns:
            dict[str, float]: Names without prefix -> percent.

        Raises:
            ValueError: If no frame was scored.
        """
        size = self.f_batch_size
        batches = [results[i : i + size] for i in range(0, len(results), size)]
        batches = [batch for batch in batches if len(_frame_iou(batch))]
        if not batches:
            raise ValueError(
                f'None of the {len(results)} clips has an annotated frame, so there is nothing to '
                'score. Evaluate a split that has masks.'
            )
        curve = _mean_curve(results)
        metrics = {
            'mIoU': _frame_iou(results).mean(),
            f'mIoU_b{size}': torch.stack([_frame_iou(batch).mean() for batch in batches]).mean(),
            f'Fscore_b{size}': torch.stack([_mean_curve(batch).max() for batch in batches]).mean(),
            'Fscore_dataset': curve.max(),
            'Fscore_0.5': curve[HALF],
        }
        metrics = {name: value.item() * 100 for name, value in metrics.items()}
        self._print_table(metrics, results)
        return metrics

    def _scored_frames(self, sample: dict) -> tuple[Tensor, Tensor]:
        """(n, H, W) scores and bool ground truth of the frames that count."""
        require_fields(sample, ('pred_scores', *LABEL_FIELDS), type(self).__name__)
        scores, labels = scored_frames(sample, sample['pred_scores']['data'], 'pred_scores')
        target = labels == 1
        if not (target | (labels == 0)).all():
            raise ValueError(
                f'Clip "{clip_name(sample)}": an annotated frame of a binary task has the '
                f'labels 0 and 1 only, got {labels.unique().tolist()}.'
            )
        return scores, target

    def _print_table(self, metrics: dict[str, float], results: list[dict]) -> None:
        frames, f_frames = len(_frame_iou(results)), sum(clip['num_f_frames'] for clip in results)
        log(
            f'{len(results)} clips, {frames} annotated frames, {f_frames} with an object:\n'
            f'{score_table(metrics)}'
        )


def _frame_iou(clips: Sequence[dict]) -> Tensor:
    """IoU of all scored frames of some clips."""
    return torch.cat([clip['iou'] for clip in clips])


def _mean_curve(clips: Sequence[dict]) -> Tensor:
    """(255,) F averaged over the frames with an object, 0 where there is none."""
    num_frames = sum(clip['num_f_frames'] for clip in clips)
    return torch.stack([clip['f_curve'] for clip in clips]).sum(0) / max(num_frames, 1)

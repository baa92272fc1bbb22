# Copyright (c) mmavs developers. All rights reserved.
"""mIoU and F of AVSBench-semantic, as AVSBench, AVSegFormer, VCT and COMBO report them."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric

from mmavs.evaluation.functional import (
    ClassScores,
    add_background_frames,
    class_areas,
    class_means,
    frame_class_scores,
    mask_iou,
)
from mmavs.evaluation.functional.f_measure import BETA2
from mmavs.registry import METRICS
from mmavs.structures import IGNORE_INDEX

from .samples import LABEL_FIELDS, class_names, groups, require_fields, scored_frames
from .tables import class_table, log, score_table


@METRICS.register_module()
class AVSSemanticMetric(BaseMetric):
    """Class IoU and F, averaged over the frames that have the class, then over all classes.

    Not the mIoU of a confusion matrix: each frame counts alike, and a class that is predicted in a
    frame where it is not costs as much as one that is missed. No batch plays a part. Reported, in
    percent:

    - ``mIoU``, ``Fscore``: mean over all C classes, background included, 0 for a class that no
      frame has in label or prediction. The published numbers.
    - ``mIoU_seen``, ``Fscore_seen``: mean over the classes that some frame has.
    - ``mIoU_noLast``, ``Fscore_noLast``: mean over all classes but the last one. The official
      scripts print these as «noBg», but what they drop is class 70 (woman), not the background.
    - ``fg_mIoU``: which pixels sound, whatever their class: IoU of (prediction > 0) and (label > 0)
      by the rules of :func:`mask_iou`, mean over frames. Frames that pad a clip never count here.

    Every valid frame with a mask is scored. The official loaders fill clips of 5 frames up to 10
    with blank frames that the official scripts score as well, as a perfect background; VCT and
    COMBO do not. So with and without ``count_padded_frames`` class 0 differs, and only class 0.

    Source: ``calc_color_miou_fscore`` and ``scripts/avss/test.py`` of AVSegFormer, the same in
    AVSBench.

    Args:
        count_padded_frames (bool): Count the frames that a clip lacks to ``clip_length`` as perfect
            background. Defaults to True.
        clip_length (int): Frames of a clip of the official loader. Defaults to 10.
        beta2 (float): Weight of precision in F. Defaults to 0.3.
        subsets (Sequence[str]): Names in the metainfo of the samples; where the clips differ in
            one, mIoU, Fscore and fg_mIoU of each of its values are reported too
            (``mIoU_v1s``). Defaults to ``('subset', 'partition')``.
        num_classes (int, optional): C. Defaults to None: as many as the data set has.
        per_class (bool): Whether the log shows a table of all classes. Defaults to True.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where processes exchange results.
            Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to ``'avs'``.
        collect_dir (str, optional): Folder through which processes exchange results.
            Defaults to None.
    """

    default_prefix = 'avs'

    def __init__(
        self,
        count_padded_frames: bool = True,
        clip_length: int = 10,
        beta2: float = BETA2,
        subsets: Sequence[str] = ('subset', 'partition'),
        num_classes: int | None = None,
        per_class: bool = True,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.count_padded_frames = count_padded_frames
        self.clip_length = clip_length
        self.beta2 = beta2
        self.subsets = tuple(subsets)
        self.num_classes = num_classes
        self.per_class = per_class

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score clips; each adds one result, of a few kilobytes.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One dict a clip with ``pred_sem_seg`` and ``gt_sem_seg``
                (T, H, W), the flags ``frame_valid`` and ``frame_annotated`` (T,), and
                ``num_clip_frames`` where only some frames of the clip were loaded.

        Raises:
            ValueError: If a field is missing, or a value is no class.
        """
        names = class_names(self.dataset_meta, self.num_classes, type(self).__name__)
        for sample in data_samples:
            require_fields(sample, ('pred_sem_seg', *LABEL_FIELDS), type(self).__name__)
            pred, target = scored_frames(sample, sample['pred_sem_seg']['data'], 'pred_sem_seg')
            sounding = (target > 0) & (target != IGNORE_INDEX)
            areas = class_areas(pred, target, len(names), void_index=IGNORE_INDEX)
            scores = frame_class_scores(areas, self.beta2)
            if self.count_padded_frames and len(target):
                length = sample.get('num_clip_frames') or int(sample['frame_valid'].sum())
                scores = add_background_frames(scores, max(0, self.clip_length - length))
            self.results.append(
                dict(
                    scores=ClassScores(*(total.cpu() for total in scores)),
                    foreground_iou=mask_iou(pred > 0, sounding).sum().item(),
                    num_frames=len(target),
                    groups={key: sample.get(key) for key in self.subsets},
                )
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Put the clips together.

        Args:
            results (list[dict]): One result a clip.

        Returns:
            dict[str, float]: Names without prefix -> percent.

        Raises:
            ValueError: If no frame was scored.
        """
        num_frames = sum(clip['num_frames'] for clip in results)
        if not num_frames:
            raise ValueError(
                f'None of the {len(results)} clips has an annotated frame, so there is nothing to '
                'score. Evaluate a split that has masks.'
            )
        total = _total(results)
        iou, f = (100 * mean for mean in class_means(total))
        seen = total.count > 0
        metrics = {
            **_main_scores(results),
            'mIoU_seen': iou[seen].mean().item(),
            'Fscore_seen': f[seen].mean().item(),
            'mIoU_noLast': iou[:-1].mean().item(),
            'Fscore_noLast': f[:-1].mean().item(),
        }
        text = f'{len(results)} clips, {num_frames} annotated frames:\n{score_table(metrics)}'
        for name, clips in groups(results, self.subsets).items():
            if sum(clip['num_frames'] for clip in clips):
                part = {f'{key}_{name}': value for key, value in _main_scores(clips).items()}
                text += f'\n{name}, {len(clips)} clips:\n{score_table(part)}'
                metrics.update(part)
        if self.per_class:
            names = class_names(self.dataset_meta, self.num_classes, type(self).__name__)
            columns = {'IoU': iou, 'F': f, 'frames': total.count}
            text = f'{class_table(names, columns)}\n{text}'
        log(text)
        return metrics


def _total(clips: Sequence[dict]) -> ClassScores:
    """Sums over clips."""
    parts = zip(*(clip['scores'] for clip in clips), strict=True)
    return ClassScores(*(torch.stack(part).sum(0) for part in parts))


def _main_scores(clips: Sequence[dict]) -> dict[str, float]:
    """mIoU, Fscore and fg_mIoU of some clips, in percent."""
    iou, f = class_means(_total(clips))
    frames = sum(clip['num_frames'] for clip in clips)
    return {
        'mIoU': 100 * iou.mean().item(),
        'Fscore': 100 * f.mean().item(),
        'fg_mIoU': 100 * sum(clip['foreground_iou'] for clip in clips) / frames,
    }

# Copyright (c) mmavs developers. All rights reserved.
"""Which class is taken for which, in pixels."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmavs.registry import METRICS
from mmavs.structures import IGNORE_INDEX

from .samples import LABEL_FIELDS, class_names, require_fields, scored_frames


@METRICS.register_module()
class ConfusionMatrixMetric(BaseMetric):
    """Count the pixels of each pair of true and predicted class, over annotated frames.

    The count is kept in :attr:`matrix`; reported are, in percent, ``aAcc`` (share of the labelled
    pixels that are right) and ``mAcc`` (mean of that over the classes that the labels show).

    Args:
        num_classes (int, optional): C. Defaults to None: as many as the data set has.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where processes exchange results.
            Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to ``'confusion'``.
        collect_dir (str, optional): Folder through which processes exchange results.
            Defaults to None.

    Attributes:
        matrix (Tensor, optional): (C, C) int64, rows the truth, columns the prediction; None before
            an evaluation, and in all processes but the first.
    """

    default_prefix = 'confusion'

    def __init__(
        self,
        num_classes: int | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.num_classes = num_classes
        self.matrix: Tensor | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count clips; each adds one result.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One dict a clip with ``pred_sem_seg`` and ``gt_sem_seg``
                (T, H, W) and the flags ``frame_valid`` and ``frame_annotated`` (T,).

        Raises:
            ValueError: If a field is missing, or a value is no class.
        """
        count = len(class_names(self.dataset_meta, self.num_classes, type(self).__name__))
        for sample in data_samples:
            require_fields(sample, ('pred_sem_seg', *LABEL_FIELDS), type(self).__name__)
            pred, target = scored_frames(sample, sample['pred_sem_seg']['data'], 'pred_sem_seg')
            self.results.append(confusion_matrix(pred, target, count).cpu())

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        """Put the clips together.

        Args:
            results (list[Tensor]): One (C, C) matrix a clip.

        Returns:
            dict[str, float]: ``aAcc`` and ``mAcc`` in percent.

        Raises:
            ValueError: If no pixel is labelled.
        """
        self.matrix = torch.stack(results).sum(0)
        labelled, right = self.matrix.sum(1).double(), self.matrix.diagonal().double()
        if not labelled.any():
            raise ValueError(
                f'None of the {len(results)} clips has a labelled pixel in an annotated frame, so '
                'there is nothing to count. Evaluate a split that has masks.'
            )
        shown = labelled > 0
        return dict(
            aAcc=100 * (right.sum() / labelled.sum()).item(),
            mAcc=100 * (right[shown] / labelled[shown]).mean().item(),
        )


def confusion_matrix(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Pixels of each pair of classes.

    Args:
        pred (Tensor): Int, of any shape, classes from 0 to C - 1.
        target (Tensor): Int, of that shape; 255 counts nowhere.
        num_classes (int): C.

    Returns:
        Tensor: (C, C) int64, rows the label, columns the prediction.

    Raises:
        ValueError: If a value is no class.
    """
    known = target != IGNORE_INDEX
    pred, target = pred[known].long(), target[known].long()
    for name, values in (('Prediction', pred), ('Label', target)):
        if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < num_classes:
            raise ValueError(
                f'{name} holds classes from {int(values.min())} to {int(values.max())}, expected '
                f'0 to {num_classes - 1}: the model or the labels are of another task.'
            )
    pairs = target * num_classes + pred
    return pairs.bincount(minlength=num_classes**2).reshape(num_classes, num_classes)

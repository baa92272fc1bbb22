# Copyright (c) mmavs developers. All rights reserved.
"""How well the classes that queries predict cover the classes of a frame."""

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from mmavs.evaluation.functional import class_coverage
from mmavs.registry import METRICS

from .samples import LABEL_FIELDS, class_names, clip_name, require_fields, scored_frames
from .tables import log


@METRICS.register_module()
class ClassCoverageMetric(BaseMetric):
    """Classification coverage of a query head (Class-conditional Prompting Machine, section 4.5).

    Jaccard index of the set of classes that the queries predict and of the set of classes in the
    label, background left out of both; a frame with neither scores 1. ``coverage`` is the mean over
    the annotated frames, in percent. The paper takes the queries behind the audio decoder, before
    they see the image; which ones a head publishes is up to the head.

    Args:
        background (int, optional): Class that is left out. Defaults to 0.
        num_classes (int, optional): C. Defaults to None: as many as the data set has.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where processes exchange results.
            Defaults to ``'cpu'``.
        prefix (str, optional): Put before the name. Defaults to ``'queries'``.
        collect_dir (str, optional): Folder through which processes exchange results.
            Defaults to None.
    """

    default_prefix = 'queries'

    def __init__(
        self,
        background: int | None = 0,
        num_classes: int | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.background = background
        self.num_classes = num_classes

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score clips; each adds one result.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One dict a clip with ``query_labels`` (T, Q) int64, where
                C stands for no object, ``gt_sem_seg`` (T, H, W) and the flags ``frame_valid`` and
                ``frame_annotated`` (T,).

        Raises:
            ValueError: If a field is missing, or a value is no class.
        """
        names = class_names(self.dataset_meta, self.num_classes, type(self).__name__)
        for sample in data_samples:
            require_fields(sample, ('query_labels', *LABEL_FIELDS), type(self).__name__)
            labels, queries = sample['gt_sem_seg']['data'], sample['query_labels']
            if queries.ndim != 2 or len(queries) != len(labels):
                raise ValueError(
                    f'Clip "{clip_name(sample)}": query_labels are {tuple(queries.shape)}, '
                    f'expected (T, Q) with T = {len(labels)}.'
                )
            _, target = scored_frames(sample, labels, 'gt_sem_seg')
            counts = (sample['frame_valid'] & sample['frame_annotated']).to(queries.device)
            scores = class_coverage(queries[counts], target, len(names), self.background)
            self.results.append(dict(coverage=scores.sum().item(), num_frames=len(target)))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Put the clips together.

        Args:
            results (list[dict]): One result a clip.

        Returns:
            dict[str, float]: ``coverage`` in percent.

        Raises:
            ValueError: If no frame was scored.
        """
        num_frames = sum(clip['num_frames'] for clip in results)
        if not num_frames:
            raise ValueError(
                f'None of the {len(results)} clips has an annotated frame, so there is nothing to '
                'score. Evaluate a split that has masks.'
            )
        coverage = 100 * sum(clip['coverage'] for clip in results) / num_frames
        log(f'{num_frames} annotated frames, classification coverage {coverage:.2f}')
        return dict(coverage=coverage)

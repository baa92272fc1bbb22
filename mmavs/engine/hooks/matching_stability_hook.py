# Copyright (c) mmavs developers. All rights reserved.
"""How firmly the queries of a head are bound to classes, measured while it trains."""

import math

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import Tensor

from mmavs.evaluation.functional import matching_stability
from mmavs.registry import HOOKS
from mmavs.utils.query_assignments import listen, stop_listening, take_assignments

NAME = 'sts'


@HOOKS.register_module()
class MatchingStabilityHook(Hook):
    """Log the matching stability STS of every training epoch (lower is better).

    Counts how often each query was matched to each class, adds the counts of all processes, and
    takes :func:`matching_stability` of them. The head publishes its matching with
    :func:`mmavs.utils.query_assignments.publish_assignments`.

    The value goes to the log, to the back ends of the visualizer as ``train/sts``, and to the
    message hub as ``sts``. After a resume within an epoch (or interval), that one counts what was
    trained since.

    Source: Class-conditional Prompting Machine, section 4.5.

    Args:
        interval (int, optional): Iterations after which the value is logged and the counts start
            anew, for iteration-based loops. Defaults to None: after every epoch.

    Raises:
        ValueError: If ``interval`` is less than 1.
    """

    priority = 'LOW'

    def __init__(self, interval: int | None = None) -> None:
        if interval is not None and interval < 1:
            raise ValueError(f'interval must be at least 1 iteration, got {interval}.')
        self.interval = interval
        self.histogram: Tensor | None = None
        self._shape: torch.Size | None = None  # once known, steps without a matching are fine

    def before_train(self, runner: Runner) -> None:
        """Start to count.

        Raises:
            ValueError: If the loop has no epochs and there is no interval.
        """
        if self.interval is None and isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ValueError(
                'MatchingStabilityHook logs after every epoch, and an iteration-based loop has '
                'none. Set its interval, in iterations.'
            )
        self.histogram = self._shape = None
        listen()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Count what the head published in this iteration."""
        for labels, num_classes in take_assignments():
            counts = count_assignments(labels, num_classes)
            if self.histogram is None:
                self.histogram = counts
            elif self.histogram.shape != counts.shape:
                raise ValueError(
                    f'Assignments of {tuple(counts.shape)} classes and queries follow those of '
                    f'{tuple(self.histogram.shape)}. Publish the matching of one set of queries.'
                )
            else:
                self.histogram += counts
        if self.interval is not None and (runner.iter + 1) % self.interval == 0:
            self._log(runner, runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the epoch, where there is no interval."""
        if self.interval is None:
            self._log(runner, runner.epoch + 1)

    def after_train(self, runner: Runner) -> None:
        """Count no longer."""
        stop_listening()

    def _log(self, runner: Runner, step: int) -> None:
        if self.histogram is None and self._shape is not None:
            self.histogram = torch.zeros(self._shape, dtype=torch.int64)
        if self.histogram is None:
            model = runner.model.module if is_model_wrapper(runner.model) else runner.model
            raise ValueError(
                f'MatchingStabilityHook: {type(model).__name__} published no assignments. Its head '
                'has to call mmavs.utils.query_assignments.publish_assignments, or leave this hook '
                'out.'
            )
        all_reduce(self.histogram)
        value = matching_stability(self.histogram)
        self._shape, self.histogram = self.histogram.shape, None
        unit = 'epoch' if self.interval is None else 'iteration'
        runner.logger.info(f'Matching stability STS at {unit} {step}: {value:.4f}')
        if math.isnan(value):
            return  # nothing was matched at all
        runner.message_hub.update_scalar(NAME, value)
        runner.visualizer.add_scalar(f'train/{NAME}', value, step)


def count_assignments(labels: Tensor, num_classes: int) -> Tensor:
    """How often each query was assigned to each class.

    Args:
        labels (Tensor): (B, N) int64, ``num_classes`` for no object, which is not counted.
        num_classes (int): C.

    Returns:
        Tensor: (C, N) int64.

    Raises:
        ValueError: If a label is outside 0 .. C.
    """
    num_queries = labels.shape[1]
    if labels.numel() and not 0 <= labels.min() <= labels.max() <= num_classes:
        raise ValueError(
            f'Assignments are classes 0 to {num_classes - 1}, or {num_classes} for no object; got '
            f'{int(labels.min())} to {int(labels.max())}.'
        )
    query = torch.arange(num_queries, device=labels.device)
    bins = (labels.long() * num_queries + query).flatten()
    counts = torch.bincount(bins, minlength=(num_classes + 1) * num_queries)
    return counts.view(num_classes + 1, num_queries)[:num_classes].contiguous()

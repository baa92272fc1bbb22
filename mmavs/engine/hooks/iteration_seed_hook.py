# Copyright (c) mmavs developers. All rights reserved.
"""Random numbers of training that do not depend on where a run was interrupted."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmavs.registry import HOOKS


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Make the random numbers of a training step and of its data functions of their place in a run.

    mmengine's checkpoints hold no state of the random generators, and data-loader workers start
    from the same seed in every run. So a resumed run would draw other dropout masks and other
    augmentations than an uninterrupted one. With this hook both draw the same:

    * torch is seeded before every training step from (seed of the run, process, iteration), on CPU
      and GPU.
    * Data sets are told the epoch, and seed the transforms of each item from (seed of the run,
      epoch, position in a ``ConcatDataset``, index of the item), in whichever worker it is loaded
      (see :meth:`BaseAVSDataset.set_epoch`).

    Within an epoch a ``RepeatDataset`` therefore gives each repetition of an item the same draws;
    a warning says so, more epochs are better there. An iteration-based loop has no epochs that
    workers, who load ahead, could be told of in time: the draws of its transforms stay mmengine's.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Warn where items repeat within an epoch."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            return
        whole = runner.train_dataloader.dataset
        parts = list(_seeded_datasets(whole))
        if parts and len(whole) > sum(len(part) for part in parts):
            runner.logger.warning(
                f'{type(whole).__name__} repeats items within an epoch, and a repetition is '
                'augmented as the first one is. Train for more epochs instead of repeating.'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the data sets the epoch, before the workers load its first items."""
        # An iteration-based loop calls this too, once for all its passes over the data.
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            return
        for part, dataset in enumerate(_seeded_datasets(runner.train_dataloader.dataset)):
            dataset.set_epoch(runner.seed, runner.epoch, part)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed the generators of all devices."""
        entropy = (runner.seed, get_rank(), runner.iter)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]))


def _seeded_datasets(dataset: Any) -> Iterator[Any]:
    """The data sets with ``set_epoch`` inside wrappers, in their order."""
    if hasattr(dataset, 'set_epoch'):
        yield dataset
        return
    inner = getattr(dataset, 'dataset', None)
    for part in getattr(dataset, 'datasets', ()) if inner is None else (inner,):
        yield from _seeded_datasets(part)

# Copyright (c) mmavs developers. All rights reserved.
"""Random numbers of a training step that do not depend on where a run was interrupted."""

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmavs.registry import HOOKS


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seed torch before every training step from (seed of the run, process, iteration).

    mmengine's checkpoints hold no state of the random generators, so a resumed run would draw other
    dropout masks than an uninterrupted one. With this hook both draw the same, on CPU and GPU.
    Transforms that draw in persistent data-loader workers are not covered.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed the generators of all devices."""
        entropy = (runner.seed, get_rank(), runner.iter)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]))

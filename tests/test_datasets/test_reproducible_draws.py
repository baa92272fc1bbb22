# Copyright (c) mmavs developers. All rights reserved.
"""What training transforms draw: a function of (seed, epoch, item), in whichever process."""

import copy
import itertools
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset, worker_init_fn
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader

from mmavs.datasets import AVSBenchS4Dataset
from mmavs.engine import IterationSeedHook


def draw(results):
    """A transform: one number of each generator."""
    return [random.random(), np.random.rand(), torch.rand(1).item()]


def dataset_of(root, **kwargs):
    return AVSBenchS4Dataset(data_root=str(root), pipeline=[draw], **kwargs)


class FakeRunner:
    seed = 7
    train_loop = None

    def __init__(self, loader, epoch=0):
        self.train_dataloader, self.epoch, self.warnings = loader, epoch, []

    @property
    def logger(self):
        return self

    def warning(self, message):
        self.warnings.append(message)


def loader_of(dataset, workers=0, persistent=False):
    return DataLoader(
        dataset,
        batch_size=2,
        num_workers=workers,
        persistent_workers=persistent,
        collate_fn=list,
        worker_init_fn=lambda index: worker_init_fn(index, workers, 0, 7),
    )


def train(dataset, epochs, workers=0, persistent=False):
    """The draws of the items of each epoch, with a loader as mmengine uses it."""
    runner, hook = FakeRunner(loader_of(dataset, workers, persistent)), IterationSeedHook()
    hook.before_train(runner)
    found = {}
    for runner.epoch in epochs:
        hook.before_train_epoch(runner)
        found[runner.epoch] = list(itertools.chain(*runner.train_dataloader))
    return found


@pytest.fixture
def expected(s4_root):
    return train(dataset_of(s4_root), range(3))


@pytest.mark.parametrize(
    ('workers', 'persistent'), [(0, False), (1, False), (1, True), (2, False), (2, True)]
)
def test_draws_of_an_epoch_are_the_same(s4_root, expected, workers, persistent):
    assert train(dataset_of(s4_root), range(3), workers, persistent) == expected
    resumed = train(dataset_of(s4_root), [1, 2], workers, persistent)
    assert resumed == {epoch: expected[epoch] for epoch in (1, 2)}


def test_draws_differ_between_epochs_items_and_seeds(s4_root, expected):
    numbers = [number for items in expected.values() for item in items for number in item]
    assert len(numbers) == len(set(numbers)) == 3 * 4 * 3
    dataset = dataset_of(s4_root)
    dataset.set_epoch(8, 0)
    assert dataset[0] != expected[0][0]
    dataset.set_epoch(7, 0)
    assert dataset[0] == expected[0][0]
    assert dataset[-1] == dataset[3] == expected[0][3]


def test_generators_of_the_process_are_left_alone(s4_root):
    dataset = dataset_of(s4_root)
    dataset.set_epoch(7, 0)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(1)
    undisturbed = draw({})
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(1)
    dataset[0]
    assert draw({}) == undisturbed


def test_without_an_epoch_or_in_test_mode_nothing_is_seeded(s4_root):
    dataset = dataset_of(s4_root)
    assert dataset[0] != dataset[0]
    test = dataset_of(s4_root, test_mode=True)
    test.set_epoch(7, 0)
    assert test[0] != test[0]
    with pytest.raises(ValueError, match='at least 0, got -1, 0 and 0'):
        dataset.set_epoch(-1, 0)


def test_wrapped_and_copied_data_sets(s4_root, expected):
    both = ConcatDataset([dataset_of(s4_root), copy.deepcopy(dataset_of(s4_root))])
    found = train(both, range(3), 1, True)
    assert {epoch: items[:4] for epoch, items in found.items()} == expected
    numbers = [number for items in found.values() for item in items for number in item]
    assert len(set(numbers)) == 3 * 8 * 3


def test_repetition_within_an_epoch_is_warned_of(s4_root):
    for times, warned in ((1, False), (2, True)):
        runner = FakeRunner(loader_of(RepeatDataset(dataset_of(s4_root), times)))
        IterationSeedHook().before_train(runner)
        assert bool(runner.warnings) is warned


def test_iteration_based_loops_keep_their_draws(s4_root):
    """They call before_train_epoch only once: all passes would be augmented alike."""
    dataset = dataset_of(s4_root)
    runner = FakeRunner(loader_of(dataset))
    runner.train_loop = object.__new__(IterBasedTrainLoop)
    IterationSeedHook().before_train(runner)
    IterationSeedHook().before_train_epoch(runner)
    assert dataset[0] != dataset[0]

# Copyright (c) mmavs developers. All rights reserved.
"""Training steps on random clips, timed against each other."""

import argparse
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper

from mmavs.models import AVSegmentor
from mmavs.registry import MODELS

from .tiny import random_clip


def step_parser(description: str) -> argparse.ArgumentParser:
    """A command line with what every benchmark of training steps asks for.

    Args:
        description (str): Of the tool.

    Returns:
        argparse.ArgumentParser: ``config``, ``size``, ``batch``, ``repeat``, ``device``.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config')
    parser.add_argument('--size', type=int, default=224, help='height and width in pixels')
    parser.add_argument('--batch', type=int, default=2, help='clips a step')
    parser.add_argument('--repeat', type=int, default=3, help='timed turns, the median counts')
    parser.add_argument('--device', default='cpu')
    return parser


class TrainingSteps:
    """The model and the optimizer of a config, with random weights, for steps on given clips.

    Args:
        config (str): File of the config.
        device (str): Where it runs. Defaults to ``'cpu'``.
    """

    def __init__(self, config: str, device: str = 'cpu') -> None:
        cfg = Config.fromfile(config)
        self.device = device
        self.model: AVSegmentor = MODELS.build(cfg.model).to(device).train()
        self.optim_wrapper = build_optim_wrapper(self.model, cfg.optim_wrapper)

    def random_clip(self, num_frames: int, size: int, seed: int = 0, **settings: Any) -> dict:
        """A random clip with a waveform and what else the model reads: Maskiges, a category.

        Args:
            num_frames (int): T.
            size (int): Height and width.
            seed (int): Defaults to 0.
            **settings (Any): Of :func:`mmavs.testing.tiny.random_clip`.

        Returns:
            dict: One packed item.
        """
        settings = dict(settings, waveform=True, seed=seed, maskige=self.model.needs_maskige)
        clip = random_clip(num_frames, (size, size), **settings)
        loss_pac = getattr(self.model.decode_head, 'loss_pac', None)
        if loss_pac is not None and loss_pac.labels == 'category':
            number = self.model.decode_head.query_generator.prototypes.num_embeddings
            category = F.one_hot(torch.tensor(seed % number), number)
            clip['data_samples'].gt_audio_labels = category.float()
        return clip

    def run(self, clips: list[dict]) -> None:
        """One step on packed items, which are left as they are."""
        self.model.train_step(pseudo_collate(deepcopy(clips)), self.optim_wrapper)
        if torch.device(self.device).type == 'cuda':
            torch.cuda.synchronize(self.device)


def seconds_by_turns(
    variants: Mapping[str, Callable[[], None]], repeat: int, device: str = 'cpu'
) -> dict[str, list[float]]:
    """Time calls that take turns, so that what else the machine does falls on all of them.

    Args:
        variants (Mapping[str, Callable]): What to time.
        repeat (int): Timed turns; one more to warm up comes first.
        device (str): On a CPU it is processor time, which other processes do not lengthen, of all
            threads; elsewhere time on the clock. Defaults to ``'cpu'``.

    Returns:
        dict[str, list[float]]: Seconds of each turn, by the names of the variants.
    """
    clock = time.process_time if torch.device(device).type == 'cpu' else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repeat + 1):
        for name, call in variants.items():
            start = clock()
            call()
            seconds[name].append(clock() - start)
    return {name: turns[1:] for name, turns in seconds.items()}


def report(seconds: Mapping[str, list[float]], reference: str) -> str:
    """One line a variant: median seconds, and the median of its ratios to the reference.

    Args:
        seconds (Mapping[str, list[float]]): What :func:`seconds_by_turns` gave.
        reference (str): The variant that the others are compared with.

    Returns:
        str: A table.
    """
    width = max(map(len, seconds))
    return '\n'.join(
        f'{name:<{width}}  {median(turns):8.3f} s a step, ratio '
        f'{median(own / base for own, base in zip(turns, seconds[reference])):.3f}'
        for name, turns in seconds.items()
    )

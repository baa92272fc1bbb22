# Copyright (c) mmavs developers. All rights reserved.
"""Pictures of predictions during validation and testing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from PIL import Image
from torch import Tensor

from mmavs.registry import HOOKS
from mmavs.structures import AVSDataSample


@HOOKS.register_module()
class AVSVisualizationHook(Hook):
    """Draw clips with their predictions (see :class:`AVSLocalVisualizer`).

    Frames are read from ``img_paths`` of the sample, or taken from the batch where the clip has
    none; the sound is taken from the batch.

    Args:
        draw (bool): Whether anything is drawn. Defaults to False.
        interval (int): One clip in this many is drawn. Defaults to 50.
        show (bool): Whether pictures are shown in a window and not stored. Defaults to False.
        wait_time (float): Seconds that a window stays. Defaults to 0: until a key.
        test_out_dir (str, optional): Pictures of a test go to ``<work dir>/<time>/<test_out_dir>``
            instead of the visualizer's back ends. Defaults to None.

    Raises:
        ValueError: If ``interval`` is less than 1.
    """

    def __init__(
        self,
        draw: bool = False,
        interval: int = 50,
        show: bool = False,
        wait_time: float = 0,
        test_out_dir: str | None = None,
    ) -> None:
        if interval < 1:
            raise ValueError(f'interval must be at least 1, got {interval}.')
        self.draw = draw
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.test_out_dir = test_out_dir

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[AVSDataSample]
    ) -> None:
        """Draw those clips of the batch whose turn it is.

        Args:
            runner (Runner): Its iteration is the step of the pictures.
            batch_idx (int): Number of the batch in the loop.
            data_batch (dict): What the data loader gave.
            outputs (Sequence[AVSDataSample]): Predictions.
        """
        self._draw_batch(runner, batch_idx, data_batch, outputs, 'val', runner.iter)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[AVSDataSample]
    ) -> None:
        """Draw those clips of the batch whose turn it is.

        Args:
            runner (Runner): With the visualizer.
            batch_idx (int): Number of the batch in the loop.
            data_batch (dict): What the data loader gave.
            outputs (Sequence[AVSDataSample]): Predictions.
        """
        self._draw_batch(runner, batch_idx, data_batch, outputs, 'test', None)

    def _draw_batch(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[AVSDataSample],
        mode: str,
        step: int | None,
    ) -> None:
        """Draw clip n of the loop where n is a multiple of the interval.

        The clips of a validation are the same each time, so that their pictures can be compared; in
        a test, where there is no step, the number of the clip is the step.
        """
        if not self.draw:
            return
        out_dir = None
        if mode == 'test' and self.test_out_dir is not None:
            out_dir = Path(runner.work_dir, runner.timestamp, self.test_out_dir)
        batch_size = runner_batch_size(runner, mode, len(outputs))
        for position, sample in enumerate(outputs):
            number = batch_idx * batch_size + position
            if number % self.interval:
                continue
            inputs = {key: value[position] for key, value in data_batch['inputs'].items()}
            name = f'{mode}_{sample.metainfo.get("clip_id", number)}'
            file_name = f'{name}_{number}.png'.replace('/', '_')
            runner.visualizer.add_datasample(
                name,
                clip_frames(sample, inputs['imgs']),
                sample,
                audio=inputs.get('audio'),
                sample_rate=sample.metainfo.get('sample_rate'),
                show=self.show,
                wait_time=self.wait_time,
                step=number if step is None else step,
                out_file=None if out_dir is None else out_dir / file_name,
                store=not self.show,
            )


def runner_batch_size(runner: Runner, mode: str, found: int) -> int:
    """Clips of a full batch; the last one may be smaller."""
    loader: Any = getattr(runner, f'{mode}_dataloader', None)
    return getattr(loader, 'batch_size', None) or found


def clip_frames(sample: AVSDataSample, imgs: Tensor) -> np.ndarray | Tensor:
    """The frames as they are on disk, or else as the model got them.

    Args:
        sample (AVSDataSample): With ``img_paths`` where the clip has files.
        imgs (Tensor): (T, 3, H, W) uint8, of the batch.

    Returns:
        ndarray | Tensor: (T, H, W, 3) array or (T, 3, H, W) tensor, uint8 RGB.
    """
    paths = sample.metainfo.get('img_paths')
    if not paths or not all(Path(path).is_file() for path in paths):
        return imgs
    frames = []
    for path in paths:
        with Image.open(path) as image:
            frames.append(np.array(image.convert('RGB')))
    return np.stack(frames)

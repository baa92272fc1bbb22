# Copyright (c) mmavs developers. All rights reserved.
"""From a list of clips to one batch on the model's device."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import PixelData
from mmengine.utils import is_seq_of
from torch import Tensor

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX, AVSDataSample


@MODELS.register_module()
class AVSDataPreprocessor(BaseDataPreprocessor):
    """Normalise the frames, pad the clips to one length and size, stack.

    Frames are padded at the right and the bottom and clips at the end, with zeros after the
    normalisation (the mean colour); waveforms and log-mels with zeros; labels with 255. Padded
    frames are neither valid nor annotated. Images are RGB.

    Args:
        mean (Sequence[float]): Of R, G, B, in 0..255. Defaults to ImageNet's.
        std (Sequence[float]): Likewise.
        size_divisor (int): Height and width are padded to a multiple of it. Defaults to 32.
        image_keys (Sequence[str]): Inputs that are frames. Defaults to ``('imgs', 'maskige')``.
        min_frames (int): In training, clips have at least this many frames, padding included: 10
            is what the official loaders of AVSS give, whose padding passes the batch norms (see
            ``compute_padded_frames`` of :class:`AVSegmentor`). Defaults to 1.
        non_blocking (bool): Copy to the device without waiting. Defaults to False.
    """

    def __init__(
        self,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        size_divisor: int = 32,
        image_keys: Sequence[str] = ('imgs', 'maskige'),
        min_frames: int = 1,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        if len(mean) != 3 or len(std) != 3:
            raise ValueError(f'mean and std must have 3 values each (RGB), got {mean} and {std}.')
        if min_frames < 1:
            raise ValueError(f'min_frames must be at least 1, got {min_frames}.')
        self.size_divisor = size_divisor
        self.image_keys = tuple(image_keys)
        self.min_frames = min_frames
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Batch what the data loader gave.

        Args:
            data (dict): ``inputs``: dict of lists of B tensors, ``imgs`` (T, 3, H, W) and ``audio``
                (C, S) or (T, C, 96, 64); ``data_samples``: list of B samples, may be missing.
            training (bool): Whether labels are padded to the batch's height and width, and clips to
                ``min_frames``. In a test labels keep their size, and predictions are resized to it.

        Returns:
            dict: ``inputs``: ``imgs`` (B, T, 3, H, W) and ``audio`` (B, C, S) or (B, T, C, 96, 64);
            ``data_samples``: the samples, their ground truth and flags padded likewise, or None.
        """
        data = self.cast_data(data)
        samples = data.get('data_samples')
        min_frames = self.min_frames if training else 1
        inputs = {}
        for key, values in data['inputs'].items():
            if not is_seq_of(list(values), Tensor):
                raise TypeError(
                    f'inputs["{key}"] must be a list of tensors, one a clip, got '
                    f'{[type(value).__name__ for value in values]}.'
                )
            if key in self.image_keys:
                inputs[key] = self._batch_images(values, min_frames)
            else:  # a waveform (C, S) has no frames
                inputs[key] = self._stack_padded(values, 1 if values[0].dim() == 2 else min_frames)
        if samples is not None:
            frames, _, height, width = inputs['imgs'].shape[1:]
            samples = [
                self._pad_sample(sample, len(images), frames, (height, width) if training else None)
                for sample, images in zip(samples, data['inputs']['imgs'])
            ]
        return dict(inputs=inputs, data_samples=samples)

    def _batch_images(self, clips: Sequence[Tensor], min_frames: int) -> Tensor:
        divisor = self.size_divisor
        normalised = [(clip.float() - self.mean) / self.std for clip in clips]
        height, width = (
            -(-max(clip.shape[dim] for clip in clips) // divisor) * divisor for dim in (-2, -1)
        )
        return self._stack_padded(
            [F.pad(c, (0, width - c.shape[-1], 0, height - c.shape[-2])) for c in normalised],
            min_frames,
        )

    @staticmethod
    def _stack_padded(values: Sequence[Tensor], min_length: int) -> Tensor:
        """Stack tensors whose sizes differ, padding each at its end with zeros.

        Args:
            values (Sequence[Tensor]): (L, ...) each, one a clip.
            min_length (int): The batch is (B, L, ...) with L at least this.

        Returns:
            Tensor: (B, L, ...).
        """
        if len({value.dim() for value in values}) > 1:
            raise ValueError(
                'All clips of a batch must have the same kind of input, got shapes '
                f'{[tuple(value.shape) for value in values]}: do not mix waveforms and log-mels.'
            )
        shape = [max(sizes) for sizes in zip(*(value.shape for value in values))]
        shape[0] = max(shape[0], min_length)
        batch = values[0].new_zeros(len(values), *shape)
        for row, value in zip(batch, values):
            row[tuple(slice(size) for size in value.shape)] = value
        return batch

    @staticmethod
    def _pad_sample(
        sample: AVSDataSample, num_frames: int, frames: int, size: tuple[int, int] | None
    ) -> AVSDataSample:
        added = frames - num_frames
        for flags in ('frame_valid', 'frame_annotated'):
            if flags in sample:
                value = sample.get(flags)
            else:
                value = torch.full((num_frames,), flags == 'frame_valid')
            setattr(sample, flags, F.pad(value, (0, added), value=False))
        if 'gt_sem_seg' in sample:
            label = sample.gt_sem_seg.data
            height, width = size or label.shape[-2:]
            padding = (0, width - label.shape[-1], 0, height - label.shape[-2], 0, added)
            sample.gt_sem_seg = PixelData(data=F.pad(label, padding, value=IGNORE_INDEX))
        return sample

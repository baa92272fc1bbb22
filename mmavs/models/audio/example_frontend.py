# Copyright (c) mmavs developers. All rights reserved.
"""What all front ends do: cut a waveform into one example a frame."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable

import torch
from mmengine.model import BaseModule
from torch import Tensor

ON_SHORT = ('error', 'repeat_last', 'zeros')


class ExampleFrontend(BaseModule, metaclass=ABCMeta):
    """Cut a waveform into examples, frame k hearing example k, and give each as log-mel.

    A subclass says what the log-mel of an example is. Its constants are buffers of the dtype
    ``precision``, which stays when a model is cast to another; they are not in checkpoints, which
    hold weights only.

    Args:
        sample_rate (int): Samples a second of the waveform.
        example_samples (int): Samples of one example.
        example_stride (int): Samples from the begin of one example to that of the next.
        on_short (str): What a clip gets whose sound has fewer examples than the clip has frames:
            ``'error'`` raises, ``'repeat_last'`` repeats the last log-mel example, ``'zeros'``
            gives log-mels of zeros.

    Raises:
        ValueError: If ``on_short`` is unknown.
    """

    precision: torch.dtype = torch.float32

    def __init__(
        self, sample_rate: int, example_samples: int, example_stride: int, on_short: str
    ) -> None:
        super().__init__()
        if on_short not in ON_SHORT:
            raise ValueError(f'on_short must be one of {ON_SHORT}, got {on_short!r}.')
        self.sample_rate = sample_rate
        self.example_samples = example_samples
        self.example_stride = example_stride
        self.on_short = on_short

    @abstractmethod
    def log_mel(self, waveform: Tensor) -> Tensor:
        """Waveforms (..., S), each of one example, to float32 log-mel (..., time, mel)."""

    @abstractmethod
    def _set_buffers(self, device: torch.device) -> None:
        """Make the constants, of which ``window`` is one, on a device."""

    def _apply(self, fn: Callable, recurse: bool = True) -> 'ExampleFrontend':
        """Follow ``.to(device)``, and stay precise when a model is cast to another dtype."""
        super()._apply(fn, recurse)
        if self.window.dtype != self.precision:
            self._set_buffers(self.window.device)
        return self

    def num_examples(self, num_samples: int) -> int:
        """How many whole examples a waveform of ``num_samples`` holds; a tail is dropped."""
        if num_samples < self.example_samples:
            return 0
        return 1 + (num_samples - self.example_samples) // self.example_stride

    def forward(
        self,
        waveform: Tensor,
        num_frames: int | None = None,
        frame_indices: Tensor | None = None,
    ) -> Tensor:
        """Log-mel examples of a batch of waveforms; channels stay apart.

        Args:
            waveform (Tensor): (B, C, S) floating, in [-1, 1], at ``sample_rate``.
            num_frames (int, optional): Frames of the whole clip. The sound beyond them is cut;
                ``on_short`` decides when there is less. None: as many as the sound holds.
            frame_indices (Tensor, optional): (B, T) int64, which examples are wanted, each within
                ``[0, num_frames)``. Only these are computed. Best on the CPU, where checking them
                waits for no GPU. None: all.

        Returns:
            Tensor: (B, T, C, time, mel) float32.

        Raises:
            TypeError: If the waveform is not floating.
            ValueError: If it is not (B, C, S), too short, or an index is out of range.
        """
        self._check_waveform(waveform)
        available = self.num_examples(waveform.shape[-1])
        num_frames = available if num_frames is None else num_frames
        if self.on_short == 'error' and available < num_frames:
            raise ValueError(
                f'The sound has {waveform.shape[-1]} samples at {self.sample_rate} Hz, that is '
                f'{available} examples for a clip of {num_frames} frames. Give longer audio, or '
                "set on_short='repeat_last' or 'zeros' in the front end."
            )
        indices = self._wanted(len(waveform), num_frames, frame_indices).to(waveform.device)
        log_mel = self.log_mel(self._gather(waveform, indices))
        if self.on_short == 'zeros':
            log_mel = log_mel.masked_fill((indices >= available)[..., None, None, None], 0.0)
        return log_mel

    def _check_waveform(self, waveform: Tensor) -> None:
        if not waveform.is_floating_point():
            raise TypeError(
                f'A waveform is floating, within [-1, 1]; got {waveform.dtype}. Divide 16-bit '
                'samples by 32768.'
            )
        if waveform.ndim != 3:
            raise ValueError(f'A waveform is (B, C, S), got shape {tuple(waveform.shape)}.')
        if waveform.shape[-1] < self.example_samples:
            raise ValueError(
                f'The sound has {waveform.shape[-1]} samples at {self.sample_rate} Hz, too few '
                f'for one example of {self.example_samples} '
                f'({self.example_samples / self.sample_rate:.3f} s). Pad or replace the audio.'
            )

    @staticmethod
    def _wanted(batch: int, num_frames: int, frame_indices: Tensor | None) -> Tensor:
        """(B, T) indices of the examples that are wanted."""
        if num_frames < 1:
            raise ValueError(f'num_frames must be at least 1, got {num_frames}.')
        if frame_indices is None:
            return torch.arange(num_frames).expand(batch, -1)
        if frame_indices.ndim != 2 or len(frame_indices) != batch:
            raise ValueError(
                f'frame_indices must be (B, T) with B = {batch}, got shape '
                f'{tuple(frame_indices.shape)}.'
            )
        if frame_indices.numel() == 0:
            return frame_indices
        low, high = frame_indices.min().item(), frame_indices.max().item()
        if low < 0 or high >= num_frames:
            raise ValueError(f'frame_indices must lie in [0, {num_frames}), got {low} to {high}.')
        return frame_indices

    def _gather(self, waveform: Tensor, indices: Tensor) -> Tensor:
        """The samples of the wanted examples: (B, C, S) and (B, T) -> (B, T, C, samples)."""
        pieces = waveform.unfold(-1, self.example_samples, self.example_stride).transpose(1, 2)
        clips = torch.arange(len(waveform), device=waveform.device)[:, None]
        return pieces[clips, indices.clamp(max=pieces.shape[1] - 1)]

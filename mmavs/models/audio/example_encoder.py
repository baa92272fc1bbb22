# Copyright (c) mmavs developers. All rights reserved.
"""What the encoders of log-mel examples share: either kind of audio in, one row a frame out."""

from abc import abstractmethod

import torch
from mmengine.model import BaseModule
from mmseg.utils import OptConfigType, OptMultiConfig
from torch import Tensor

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures

from .log_mel import LOG_OFFSET


class ExampleEncoder(BaseModule):
    """Waveforms or log-mel examples to :class:`AudioFeatures`; a subclass writes :meth:`encode`.

    Args:
        frontend (dict, optional): Turns waveforms into log-mel examples. None: only log-mel
            examples are taken. Defaults to ``dict(type='LogMelFrontend')``.
        frozen (bool): Never train: eval mode, no gradients. Defaults to True.
        in_channels (int): Channels of the sound. 1: the channels of a waveform are averaged.
            Defaults to 1.
        init_cfg (dict, optional): Where the weights come from. Defaults to None.

    Attributes:
        gives_spectrogram (bool): Whether ``pyramid`` and ``spectrogram`` are among what it gives.
        frontend_type (str): Front end that an error advises.
    """

    gives_spectrogram = False
    frontend_type = 'LogMelFrontend'

    def __init__(
        self,
        frontend: OptConfigType = dict(type='LogMelFrontend'),  # noqa: B006
        frozen: bool = True,
        in_channels: int = 1,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(init_cfg)
        self.frontend = MODELS.build(frontend) if frontend is not None else None
        self.frozen = frozen
        self.in_channels = in_channels

    @property
    def log_offset(self) -> float:
        """float: What was added to the magnitudes before the logarithm."""
        return LOG_OFFSET if self.frontend is None else self.frontend.log_offset

    def train(self, mode: bool = True) -> 'ExampleEncoder':
        """Set the mode; a frozen encoder stays in eval mode."""
        return super().train(mode and not self.frozen)

    def forward(
        self, audio: Tensor, num_frames: int | None = None, frame_indices: Tensor | None = None
    ) -> AudioFeatures:
        """Encode the sound of the wanted frames.

        Args:
            audio (Tensor): (B, C, S) float32 waveforms in [-1, 1] of whole clips, or
                (B, T, C, t, f) float32 log-mel examples of the wanted frames.
            num_frames (int, optional): Frames of the whole clip, for waveforms. None: as many as
                the sound holds.
            frame_indices (Tensor, optional): (B, T) int64, the frames of the clip that are wanted,
                for waveforms; only these are computed. None: all.

        Returns:
            AudioFeatures: What :meth:`encode` gives, N = B*T rows, clip-major.

        Raises:
            ValueError: If the audio has another shape or number of channels than expected.
        """
        return self.encode(self.examples(audio, num_frames, frame_indices).flatten(0, 1))

    @abstractmethod
    def encode(self, examples: Tensor) -> AudioFeatures:
        """Features of log-mel examples (N, C, t, f), without gradients if frozen."""

    def examples(
        self, audio: Tensor, num_frames: int | None = None, frame_indices: Tensor | None = None
    ) -> Tensor:
        """Either kind of audio as log-mel examples (B, T, C, t, f); see :meth:`forward`."""
        if audio.ndim == 3:
            if self.frontend is None:
                raise ValueError(
                    f'Got waveforms of shape {tuple(audio.shape)}, but this {self._name} has no '
                    f"front end. Set frontend=dict(type='{self.frontend_type}') or give log-mel "
                    'examples.'
                )
            if self.in_channels == 1:
                audio = audio.mean(1, keepdim=True)
            self._check_channels(audio.shape[1])
            return self.frontend(audio, num_frames, frame_indices)
        if audio.ndim != 5:
            raise ValueError(
                'Audio is (B, C, S) waveforms or (B, T, C, time, mel) log-mel examples, got shape '
                f'{tuple(audio.shape)}.'
            )
        self._check_channels(audio.shape[2])
        if frame_indices is not None and tuple(frame_indices.shape) != tuple(audio.shape[:2]):
            raise ValueError(
                'Log-mel examples are those of the wanted frames: expected (B, T) = '
                f'{tuple(frame_indices.shape)} of them, got {tuple(audio.shape[:2])}.'
            )
        return audio

    def freeze(self) -> None:
        """For constructors: no gradients and eval mode from the start, if ``frozen``."""
        if self.frozen:
            self.requires_grad_(False)
            self.eval()

    def gradients(self) -> torch.set_grad_enabled:
        """Context in which a frozen encoder records nothing."""
        return torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen)

    def _check_channels(self, channels: int) -> None:
        if channels != self.in_channels:
            raise ValueError(
                f'This {self._name} has in_channels={self.in_channels}, the audio has {channels} '
                'channel(s). Change in_channels or the channels that the pipeline loads.'
            )

    @property
    def _name(self) -> str:
        return type(self).__name__


def spread_kernel(kernel: Tensor, in_channels: int) -> Tensor:
    """A first kernel for other channels: the sum over its own, repeated and divided.

    So sound that is the same on all channels gives what a grey picture, or mono, gave before.

    Args:
        kernel (Tensor): (O, I, kh, kw).
        in_channels (int): Channels wanted.

    Returns:
        Tensor: (O, in_channels, kh, kw).
    """
    return kernel.sum(1, keepdim=True).repeat(1, in_channels, 1, 1) / in_channels

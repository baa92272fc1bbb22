# Copyright (c) mmavs developers. All rights reserved.
"""The front end that HTS-AT was trained with: waveform to log-mel in decibels."""

import torch
from torch import Tensor
from torchaudio.functional import melscale_fbanks

from mmavs.registry import MODELS

from .example_frontend import ExampleFrontend

LEAST_POWER = 1e-10
"""float: Of a mel band, which is -100 dB."""


@MODELS.register_module()
class DecibelMelFrontend(ExampleFrontend):
    """Cut a waveform into seconds and give each as mel powers in decibels.

    Second k is what frame k hears. Its power spectrogram has windows that are centred on multiples
    of ``hop_length``, with the sound mirrored at its ends: 101 windows a second. The mel bands are
    those of librosa's default (Slaney's scale, each of area 1), and 0 dB is a power of 1. All
    is computed in float32, whatever autocast says.

    Source: ``Spectrogram`` and ``LogmelFilterBank`` of torchlibrosa as HTS-AT sets them (sheet
    htsat.md, section 1).

    Args:
        sample_rate (int): Samples a second of the waveform. Defaults to 32000.
        window_length (int): Samples of the periodic Hann window and of the FFT. Defaults to 1024.
        hop_length (int): Samples from one window to the next. Defaults to 320.
        num_mels (int): Mel bands. Defaults to 64.
        mel_range (tuple[float, float]): Range of the bands in Hz. Defaults to (50, 14000).
        mel_rate (int, optional): Rate in Hz that the mel bands are made for. None: ``sample_rate``.
            DDESeg has 22050 Hz, a hop of 256 and the bands of 32000 Hz, which therefore read every
            frequency 1.45 times too high (sheet, section 4). Defaults to None.
        seconds (float): What one frame hears; the next one begins a second later. Defaults to 1.
        on_short (str): As in :class:`ExampleFrontend`. Defaults to ``'error'``.

    Raises:
        ValueError: If an argument is out of range.
    """

    window: Tensor
    mel_weights: Tensor

    def __init__(
        self,
        sample_rate: int = 32000,
        window_length: int = 1024,
        hop_length: int = 320,
        num_mels: int = 64,
        mel_range: tuple[float, float] = (50.0, 14000.0),
        mel_rate: int | None = None,
        seconds: float = 1.0,
        on_short: str = 'error',
    ) -> None:
        super().__init__(
            sample_rate,
            example_samples=round(seconds * sample_rate),
            example_stride=sample_rate,
            on_short=on_short,
        )
        mel_rate = mel_rate or sample_rate
        if not 0 <= mel_range[0] < mel_range[1] <= mel_rate / 2:
            raise ValueError(
                f'mel_range must rise within 0 and {mel_rate / 2} Hz, half of mel_rate (or of '
                f'sample_rate); got {mel_range}.'
            )
        if self.example_samples <= window_length // 2:
            raise ValueError(
                f'seconds={seconds} at {sample_rate} Hz are {self.example_samples} samples: too '
                f'few for windows of {window_length}.'
            )
        self.window_length = window_length
        self.hop_length = hop_length
        self.num_mels = num_mels
        self.mel_range = mel_range
        self.mel_rate = mel_rate
        self._set_buffers(torch.device('cpu'))

    @property
    def example_frames(self) -> int:
        """int: Windows of one example."""
        return 1 + self.example_samples // self.hop_length

    def _set_buffers(self, device: torch.device) -> None:
        window = torch.hann_window(self.window_length, periodic=True, device=device)
        with torch.device('cpu'):  # it reads values, which the meta device does not have
            weights = melscale_fbanks(
                self.window_length // 2 + 1,
                *self.mel_range,
                n_mels=self.num_mels,
                sample_rate=self.mel_rate,
                norm='slaney',
                mel_scale='slaney',
            )
        self.register_buffer('window', window, persistent=False)
        self.register_buffer('mel_weights', weights.to(device), persistent=False)

    def log_mel(self, waveform: Tensor) -> Tensor:
        """Mel powers in decibels.

        Args:
            waveform (Tensor): (..., S) floating, in [-1, 1].

        Returns:
            Tensor: (..., 1 + S // hop_length, num_mels) float32.
        """
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = torch.stft(
                waveform.float().flatten(0, -2),
                self.window_length,
                self.hop_length,
                window=self.window,
                center=True,
                pad_mode='reflect',
                return_complex=True,
            )
            power = spectrum.real**2 + spectrum.imag**2
            mel = power.transpose(1, 2) @ self.mel_weights
            decibels = 10 * mel.clamp(min=LEAST_POWER).log10()
        return decibels.unflatten(0, waveform.shape[:-1])

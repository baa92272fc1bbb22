# Copyright (c) mmavs developers. All rights reserved.
"""The front end that VGGish was trained with: waveform to log-mel examples."""

import numpy as np
import torch
from torch import Tensor

from mmavs.registry import MODELS

from .example_frontend import ExampleFrontend


def hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    """HTK mel scale, ``1127 * ln(1 + f / 700)``."""
    return 1127.0 * np.log(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0)


def mel_matrix(
    num_bins: int, sample_rate: int, num_mels: int, mel_range: tuple[float, float]
) -> np.ndarray:
    """Weights that turn a magnitude spectrum into mel bands.

    The triangles are linear in mel (not in hertz), have peak 1 and are not normalised by area.

    Args:
        num_bins (int): Bins of the spectrum, from 0 Hz to the Nyquist frequency.
        sample_rate (int): Samples a second.
        num_mels (int): Number of bands.
        mel_range (tuple[float, float]): Lower edge of the first band and upper edge of the last,
            in Hz.

    Returns:
        np.ndarray: (num_bins, num_mels) float64.
    """
    bins = hertz_to_mel(np.linspace(0.0, sample_rate / 2, num_bins))[:, None]
    edges = np.linspace(hertz_to_mel(mel_range[0]), hertz_to_mel(mel_range[1]), num_mels + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0  # the DC bin never counts
    return weights


@MODELS.register_module()
class LogMelFrontend(ExampleFrontend):
    """Cut a waveform into examples and give each as log-mel spectrogram.

    Own framing and ``rfft``: ``torch.stft`` and torchaudio centre the window in the FFT frame and
    count frames by the FFT length, which VGGish was not trained with. Everything is computed in
    float64, whatever autocast says, and cast to float32 at the end.

    Source: ``mel_features.py`` and ``vggish_input.py`` of torchvggish, as AVSBench and AVSegFormer
    use them.

    Args:
        sample_rate (int): Samples a second of the waveform. Defaults to 16000.
        window_length (int): Samples of the periodic Hann window (25 ms). Defaults to 400. The
            FFT length is the next power of two.
        hop_length (int): Samples from one window to the next (10 ms). Defaults to 160.
        num_mels (int): Mel bands. Defaults to 64.
        mel_range (tuple[float, float]): Range of the bands in Hz. Defaults to (125, 7500).
        log_offset (float): Added to the magnitude before the logarithm. Defaults to 0.01.
        example_frames (int): Windows of one example (0.96 s). Defaults to 96.
        example_hop (int): Windows from one example to the next. Defaults to 96.
        on_short (str): What a clip gets whose sound has fewer examples than the clip has frames.
            ``'error'`` raises, ``'repeat_last'`` repeats the last log-mel example itself, all
            frames of it (the official features of S4 and MS3; ``LoadClipAudio`` has an option of
            the same name that repeats the last 0.96 s of the waveform, whose examples differ in
            two frames), ``'zeros'`` gives examples of zeros (the official loader of AVSS).
            Zeros that pad a waveform count as sound, so sounds of different lengths are to be
            lengthened before they are batched. Defaults to ``'error'``.
    """

    precision = torch.float64
    window: Tensor
    mel_weights: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        window_length: int = 400,
        hop_length: int = 160,
        num_mels: int = 64,
        mel_range: tuple[float, float] = (125.0, 7500.0),
        log_offset: float = 0.01,
        example_frames: int = 96,
        example_hop: int = 96,
        on_short: str = 'error',
    ) -> None:
        super().__init__(
            sample_rate,
            example_samples=(example_frames - 1) * hop_length + window_length,
            example_stride=example_hop * hop_length,
            on_short=on_short,
        )
        if not 0 <= mel_range[0] < mel_range[1] <= sample_rate / 2:
            raise ValueError(
                f'mel_range must rise within 0 and {sample_rate / 2} Hz, half the sample rate; '
                f'got {mel_range}.'
            )
        self.window_length = window_length
        self.hop_length = hop_length
        self.num_mels = num_mels
        self.mel_range = mel_range
        self.log_offset = log_offset
        self.fft_length = 1 << (window_length - 1).bit_length()
        self._set_buffers(torch.device('cpu'))

    def _set_buffers(self, device: torch.device) -> None:
        """Window and mel weights, float64; not in checkpoints, which hold weights only."""
        window = torch.hann_window(
            self.window_length, periodic=True, dtype=torch.float64, device=device
        )
        weights = mel_matrix(
            self.fft_length // 2 + 1, self.sample_rate, self.num_mels, self.mel_range
        )
        self.register_buffer('window', window, persistent=False)
        self.register_buffer('mel_weights', torch.from_numpy(weights).to(device), persistent=False)

    def log_mel(self, waveform: Tensor) -> Tensor:
        """Waveforms (..., S) to float32 log-mel (..., n, num_mels), as in ``mel_magnitude``."""
        return self.compress(self.mel_magnitude(waveform))

    def mel_magnitude(self, waveform: Tensor) -> Tensor:
        """Linear mel magnitudes, before the logarithm: these add up when sounds are mixed.

        Args:
            waveform (Tensor): (..., S) floating, in [-1, 1].

        Returns:
            Tensor: (..., n, num_mels) float64, ``n = 1 + (S - window_length) // hop_length``.

        Raises:
            ValueError: If there are fewer samples than one window has.
        """
        if waveform.shape[-1] < self.window_length:
            raise ValueError(
                f'The sound has {waveform.shape[-1]} samples, one window has {self.window_length}.'
            )
        with torch.autocast(waveform.device.type, enabled=False):
            frames = waveform.double().unfold(-1, self.window_length, self.hop_length)
            spectrum = torch.fft.rfft(frames * self.window, n=self.fft_length)
            return spectrum.abs() @ self.mel_weights

    def compress(self, mel: Tensor) -> Tensor:
        """``ln(mel + log_offset)`` in float64, given as float32."""
        with torch.autocast(mel.device.type, enabled=False):
            return torch.log(mel.double() + self.log_offset).float()

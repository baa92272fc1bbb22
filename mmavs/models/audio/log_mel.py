# Copyright (c) mmavs developers. All rights reserved.
"""The front end that VGGish was trained with: waveform to log-mel examples."""

from collections.abc import Callable

import numpy as np
import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmavs.registry import MODELS

ON_SHORT = ('error', 'repeat_last', 'zeros')
LOG_OFFSET = 0.01
"""float: What VGGish adds to the magnitudes before the logarithm."""


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


def log_magnitude(mel: Tensor, log_offset: float = LOG_OFFSET) -> Tensor:
    """Linear mel magnitudes as the log-mel that networks read: ``ln(mel + log_offset)``.

    Args:
        mel (Tensor): Of any shape, not negative.
        log_offset (float): Defaults to that of VGGish.

    Returns:
        Tensor: float32; computed in float64, whatever autocast says.
    """
    with torch.autocast(mel.device.type, enabled=False):
        return torch.log(mel.double() + log_offset).float()


def linear_magnitude(log_mel: Tensor, log_offset: float = LOG_OFFSET) -> Tensor:
    """The inverse of :func:`log_magnitude`: magnitudes, which add up when sounds are mixed.

    Args:
        log_mel (Tensor): Of any shape.
        log_offset (float): What was added before the logarithm. Defaults to that of VGGish.

    Returns:
        Tensor: float32, not negative; computed in float64.
    """
    with torch.autocast(log_mel.device.type, enabled=False):
        return (torch.exp(log_mel.double()) - log_offset).clamp(min=0).float()


@MODELS.register_module()
class LogMelFrontend(BaseModule):
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

    window: Tensor
    mel_weights: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        window_length: int = 400,
        hop_length: int = 160,
        num_mels: int = 64,
        mel_range: tuple[float, float] = (125.0, 7500.0),
        log_offset: float = LOG_OFFSET,
        example_frames: int = 96,
        example_hop: int = 96,
        on_short: str = 'error',
    ) -> None:
        super().__init__()
        if on_short not in ON_SHORT:
            raise ValueError(f'on_short must be one of {ON_SHORT}, got {on_short!r}.')
        if not 0 <= mel_range[0] < mel_range[1] <= sample_rate / 2:
            raise ValueError(
                f'mel_range must rise within 0 and {sample_rate / 2} Hz, half the sample rate; '
                f'got {mel_range}.'
            )
        self.sample_rate = sample_rate
        self.window_length = window_length
        self.hop_length = hop_length
        self.num_mels = num_mels
        self.mel_range = mel_range
        self.log_offset = log_offset
        self.example_frames = example_frames
        self.example_hop = example_hop
        self.on_short = on_short
        self.fft_length = 1 << (window_length - 1).bit_length()
        self.example_samples = (example_frames - 1) * hop_length + window_length
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

    def _apply(self, fn: Callable, recurse: bool = True) -> 'LogMelFrontend':
        """Follow ``.to(device)``, and stay float64 when a model is cast to another dtype."""
        super()._apply(fn, recurse)
        if self.window.dtype != torch.float64:
            self._set_buffers(self.window.device)
        return self

    def num_examples(self, num_samples: int) -> int:
        """How many whole examples a waveform of ``num_samples`` holds; a tail is dropped."""
        if num_samples < self.example_samples:
            return 0
        stride = self.example_hop * self.hop_length
        return 1 + (num_samples - self.example_samples) // stride

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
            Tensor: (B, T, C, example_frames, num_mels) float32.

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
        log_mel = self.compress(self.mel_magnitude(self._gather(waveform, indices)))
        if self.on_short == 'zeros':
            log_mel = log_mel.masked_fill((indices >= available)[..., None, None, None], 0.0)
        return log_mel

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
        return log_magnitude(mel, self.log_offset)

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
        stride = self.example_hop * self.hop_length
        pieces = waveform.unfold(-1, self.example_samples, stride).transpose(1, 2)
        clips = torch.arange(len(waveform), device=waveform.device)[:, None]
        return pieces[clips, indices.clamp(max=pieces.shape[1] - 1)]

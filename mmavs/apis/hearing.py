# Copyright (c) mmavs developers. All rights reserved.
"""Sound as the audio encoder of a model hears it."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mmavs.utils.audio_io import read_audio, resample
from mmavs.utils.audio_stream import check_channels, set_channels


def prepare_audio(
    model: nn.Module, audio: str | Path | np.ndarray | Tensor, sample_rate: int | None = None
) -> np.ndarray:
    """Bring sound to the rate and channels that the model's audio encoder hears.

    Args:
        model (nn.Module): With ``audio_encoder``.
        audio (str | Path | ndarray | Tensor): As in :func:`inference_model`.
        sample_rate (int, optional): Of a waveform, in Hz.

    Returns:
        ndarray: (C, S) waveform or (T, C, 96, 64) log-mel, float32.

    Raises:
        ValueError: If the sound has another shape or type, or more than two channels where the
            encoder hears two.
    """
    source = 'The sound'
    if isinstance(audio, (str, Path)):
        source = str(audio)
        audio, sample_rate = read_audio(audio, sample_rate=None, mono=False)
    audio = np.asarray(audio)
    if not np.issubdtype(audio.dtype, np.floating):
        raise ValueError(
            f'Sound is floating, in [-1, 1]; got {audio.dtype}. Divide 16-bit samples by 32768.'
        )
    audio = audio.astype(np.float32, copy=False)
    if audio.ndim == 4:
        return audio
    if audio.ndim == 1:
        audio = audio[None]
    if audio.ndim != 2:
        raise ValueError(
            'Sound is a waveform (C, S) or (S,), or log-mel (T, C, 96, 64); got shape '
            f'{audio.shape}.'
        )
    frontend, channels = audio_frontend(model), model.audio_encoder.in_channels
    check_channels(source, len(audio), channels)
    audio = set_channels(audio, channels)
    return resample(audio, sample_rate or frontend.sample_rate, frontend.sample_rate)


def audio_frontend(model: nn.Module) -> nn.Module:
    """The front end of the model's audio encoder, with ``sample_rate`` and ``example_samples``.

    Raises:
        ValueError: If the encoder has none, so that it takes log-mel only.
    """
    encoder = model.audio_encoder
    if getattr(encoder, 'frontend', None) is None:
        raise ValueError(
            f'{type(encoder).__name__} has no front end, so it cannot hear waveforms. Set '
            "model.audio_encoder.frontend=dict(type='LogMelFrontend'), or give log-mel examples."
        )
    return encoder.frontend


@torch.no_grad()
def windows_to_log_mel(model: nn.Module, windows: np.ndarray) -> np.ndarray:
    """One log-mel example a window, by the model's own front end on the model's device.

    The encoder takes such examples in place of the waveform of a clip, so each frame can hear any
    stretch of sound, not only second t of the clip.

    Args:
        model (nn.Module): With ``audio_encoder.frontend``.
        windows (ndarray): (T, C, S) float32, S the samples of exactly one example.

    Returns:
        ndarray: (T, C, 96, 64) float32.
    """
    frontend = audio_frontend(model)
    device = next(model.parameters()).device
    return frontend(torch.from_numpy(windows).to(device), 1)[:, 0].cpu().numpy()

# Copyright (c) mmavs developers. All rights reserved.
"""Read, resample and write waveforms, always as (channels, samples) float32.

This is the one way from a WAV file to the audio encoders, so training, testing and inference hear
the same samples.
"""

import math
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor

# The filter that the official front end resamples with: ``kaiser_best`` of resampy 0.4, a sinc with
# its cut-off at 0.917 of the Nyquist frequency under a Kaiser window over 50 input samples (at the
# lower rate). torchaudio counts zero crossings of the narrowed sinc instead, 50 * 0.917 = 46.
# (The numbers that torchaudio's documentation gives for kaiser_best are those of resampy < 0.3.)
KAISER_BEST = dict(
    lowpass_filter_width=46,
    rolloff=0.9173473712608761,
    resampling_method='sinc_interp_kaiser',
    beta=12.984585247040012,
)
# torchaudio's table of filters has new * orig / gcd**2 entries: gigabytes where the rates share no
# divisor. 2**25 float64 entries are 256 MiB.
MAX_FILTER_ENTRIES = 2**25

Waveform = TypeVar('Waveform', np.ndarray, Tensor)


def read_audio(
    path: str | Path, sample_rate: int | None = 16000, mono: bool = True
) -> tuple[np.ndarray, int]:
    """Read an audio file that libsndfile knows (WAV, FLAC, OGG; any rate, width and channels).

    16-bit samples become exactly ``value / 32768``, as in the official reader; the channels are
    averaged before resampling, also as there. Floating-point files are taken as they are.

    Args:
        path (str | Path): The file.
        sample_rate (int, optional): Rate in Hz to resample to; None keeps the file's.
            Defaults to 16000.
        mono (bool): Whether to average the channels. Defaults to True.

    Returns:
        tuple[np.ndarray, int]: (C, S) float32 waveform, in [-1, 1] for integer files, and its rate
        in Hz.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no audio file, holds no samples, or holds NaN or infinite values.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'There is no audio file {path}.')
    try:
        samples, rate = soundfile.read(str(path), dtype='float32', always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f'{path} cannot be read as audio ({error.error_string}). Expected an intact WAV file; '
            'extract one with: ffmpeg -i VIDEO -vn -acodec pcm_s16le OUT.wav'
        ) from error
    if not len(samples):
        raise ValueError(f'{path} holds no samples. Extract the sound of the clip again.')
    if not np.isfinite(samples).all():
        raise ValueError(f'{path} holds NaN or infinite samples. Extract the sound again.')
    waveform = np.ascontiguousarray(samples.T)
    if mono:
        waveform = waveform.mean(axis=0, keepdims=True)
    if sample_rate is None or sample_rate == rate:
        return waveform, rate
    return resample(waveform, rate, sample_rate), sample_rate


def resample(waveform: Waveform, orig_rate: int, new_rate: int) -> Waveform:
    """Change the sampling rate with the official front end's filter (resampy's ``kaiser_best``).

    On the golden ``vggish_logmel`` (44.1 kHz to 16 kHz) the result differs from resampy's by less
    than one step of a 16-bit sample; what is left is resampy's rounded filter table.

    Args:
        waveform (np.ndarray | Tensor): (C, S) floating-point samples.
        orig_rate (int): Its rate in Hz.
        new_rate (int): The wanted rate in Hz.

    Returns:
        np.ndarray | Tensor: (C, ceil(S * new_rate / orig_rate)), of the kind and dtype given.

    Raises:
        ValueError: If a rate is no positive integer.
    """
    for name, rate in (('orig_rate', orig_rate), ('new_rate', new_rate)):
        if rate != int(rate) or rate <= 0:
            raise ValueError(f'{name} must be a positive integer in Hz, got {rate}.')
    if orig_rate == new_rate:
        return waveform
    if isinstance(waveform, np.ndarray):
        samples = np.ascontiguousarray(waveform)
        return resample(torch.from_numpy(samples), orig_rate, new_rate).numpy()
    divisor = math.gcd(int(orig_rate), int(new_rate))
    if (orig_rate // divisor) * (new_rate // divisor) > MAX_FILTER_ENTRIES:
        return _resample_directly(waveform, int(orig_rate), int(new_rate))
    return torchaudio.functional.resample(waveform, int(orig_rate), int(new_rate), **KAISER_BEST)


def write_wav(path: str | Path, waveform: np.ndarray | Tensor, rate: int) -> None:
    """Write a 16-bit WAV file; :func:`read_audio` gives back ``round(x * 32768) / 32768``.

    Args:
        path (str | Path): The file to write; its folder is made.
        waveform (np.ndarray | Tensor): (C, S) floating-point samples. As in every 16-bit writer,
            what lies beyond [-1, 1) is clipped.
        rate (int): Its rate in Hz.

    Raises:
        ValueError: If the waveform is not (C, S), or not finite.
    """
    samples = np.asarray(waveform, dtype=np.float64)
    if samples.ndim != 2 or not samples.size:
        raise ValueError(
            f'The waveform for {path} must have the shape (channels, samples), got {samples.shape}.'
        )
    if not np.isfinite(samples).all():
        raise ValueError(f'The waveform for {path} holds NaN or infinite samples.')
    steps = np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), steps.T, int(rate), format='WAV', subtype='PCM_16')


def _resample_directly(
    waveform: Tensor, orig_rate: int, new_rate: int, chunk: int = 4096
) -> Tensor:
    """The same filter, evaluated for every output sample: slower, but small at any pair of rates.

    Args:
        waveform (Tensor): (C, S).
        orig_rate (int): Its rate in Hz.
        new_rate (int): The wanted rate in Hz.
        chunk (int): Output samples that are computed at once. Defaults to 4096.

    Returns:
        Tensor: (C, ceil(S * new_rate / orig_rate)).
    """
    cutoff = min(1.0, new_rate / orig_rate) * KAISER_BEST['rolloff']  # in input samples
    zeros, beta = KAISER_BEST['lowpass_filter_width'], torch.tensor(KAISER_BEST['beta']).double()
    width = math.ceil(zeros / cutoff)
    num_out = -(-waveform.shape[-1] * new_rate // orig_rate)
    padded = torch.nn.functional.pad(waveform.double(), (width, width + 1))
    taps = torch.arange(-width, width + 1)
    pieces = []
    for first in range(0, num_out, chunk):
        numerator = torch.arange(first, min(first + chunk, num_out)) * orig_rate
        nearest = numerator // new_rate
        offset = (taps - (numerator % new_rate / new_rate).double()[:, None]) * cutoff
        window = torch.i0(beta * (1 - (offset / zeros) ** 2).clamp(min=0).sqrt()) / torch.i0(beta)
        kernel = torch.sinc(offset) * window * (offset.abs() <= zeros) * cutoff
        pieces.append((padded[:, nearest[:, None] + taps + width] * kernel).sum(-1))
    return torch.cat(pieces, dim=-1).to(waveform.dtype)

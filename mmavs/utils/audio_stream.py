# Copyright (c) mmavs developers. All rights reserved.
"""Sound in blocks: channels, sample rate and windows of a stream that never is whole in memory."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from .audio_io import resample
from .errors import MediaError

FILTER_ZEROS = 128
"""int: Zero crossings of the resampling filter kept on either side of a block; the filter of
:func:`mmavs.utils.audio_io.resample` has fewer, so that blocks join without a seam."""


def set_channels(block: np.ndarray, channels: int) -> np.ndarray:
    """Make a block mono (the mean, as VGGish's official reader) or stereo.

    Args:
        block (ndarray): (C, n) float32.
        channels (int): 1 or 2. Two of one repeat it.

    Returns:
        ndarray: (channels, n) float32.

    Raises:
        ValueError: If two are wanted of more than two, or a number other than 1 and 2.
    """
    if channels not in (1, 2):
        raise ValueError(f'channels must be 1 or 2, got {channels}.')
    if block.shape[0] == channels:
        return block
    if channels == 1:
        return block.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    check_channels('The sound', block.shape[0], channels)
    return np.repeat(block, 2, axis=0)


def check_channels(source: str, found: int, wanted: int | None) -> None:
    """Refuse stereo from more than two channels: which of them are left and right is a guess.

    Args:
        source (str): Names the sound in the message.
        found (int): Channels of the sound.
        wanted (int, optional): Channels wanted; None takes them all.

    Raises:
        MediaError: If two are wanted of more than two.
    """
    if wanted == 2 and found > 2:
        raise MediaError(
            f'{source} has {found} channels; stereo takes one or two. Mix it down first (ffmpeg -i '
            'INPUT -ac 2 OUTPUT), or use a model that hears mono.'
        )


def finite_blocks(blocks: Iterable[np.ndarray], source: str) -> Iterator[np.ndarray]:
    """Pass blocks on, but no NaN or infinite samples.

    Args:
        blocks (Iterable[ndarray]): (C, n).
        source (str): Names the sound in the message.

    Raises:
        MediaError: If a sample is NaN or infinite.
    """
    for block in blocks:
        if not np.isfinite(block).all():
            raise MediaError(f'{source} holds NaN or infinite samples. Extract the sound again.')
        yield block


def resample_blocks(blocks: Iterable[np.ndarray], orig: int, new: int) -> Iterator[np.ndarray]:
    """Change the rate of a stream; the blocks together equal the resampled whole.

    Each block is resampled with the samples around it as context, cut at multiples of the
    smallest period in which both rates have a whole number of samples.

    Args:
        blocks (Iterable[ndarray]): (C, n) float32, of any lengths.
        orig (int): Rate of ``blocks`` in Hz.
        new (int): Wanted rate in Hz.

    Yields:
        ndarray: (C, m) float32, about a second each.
    """
    if orig == new:
        yield from blocks
        return
    period = orig // math.gcd(orig, new)
    period_out = new // math.gcd(orig, new)
    context = math.ceil(FILTER_ZEROS * max(1, orig / new) / period) * period
    # Pieces of one length: torch keeps a compiled kernel for every length that it has met.
    piece = math.ceil(orig / period) * period
    parts: list[np.ndarray] = []
    start, end, done = 0, 0, 0  # `parts` are samples start to end; output made up to `done`
    for block in blocks:
        parts.append(block)
        end += block.shape[1]
        while end >= done + piece + context:
            held = np.concatenate(parts, axis=1)
            made = np.asarray(resample(held[:, : done + piece + context - start], orig, new))
            first = (done - start) // period * period_out
            yield made[:, first : first + piece // period * period_out]
            done += piece
            keep = max(0, done - context)
            parts, start = [held[:, keep - start :].copy()], keep
    if end > done:
        held = np.concatenate(parts, axis=1)
        yield np.asarray(resample(held, orig, new))[:, (done - start) // period * period_out :]


class AudioWindows:
    """Cut windows of a fixed length out of a stream, at times that never go back far.

    A window that sticks out at either end of the sound is moved inside. One that lies wholly
    behind the end hears silence: the sound is over there, and repeating old sound would lie.
    Holds no more than two windows and a block.

    Args:
        blocks (Iterable[ndarray]): (C, n) float32 blocks.
        sample_rate (int): Of the blocks, in Hz.
        length (int): Samples of a window.
        source (str): Name for the error message.

    Raises:
        MediaError: From :meth:`at`, if the whole sound is shorter than one window.
    """

    def __init__(
        self, blocks: Iterable[np.ndarray], sample_rate: int, length: int, source: str
    ) -> None:
        self._blocks = iter(blocks)
        self._rate = sample_rate
        self._length = length
        self._source = source
        self._held: np.ndarray | None = None
        self._start = 0
        self._over = False

    def at(self, second: float) -> tuple[float, np.ndarray]:
        """The window that begins at a time.

        Args:
            second (float): Wanted begin; a later call may not want an earlier one.

        Returns:
            tuple[float, ndarray]: Begin of the window that was cut, in seconds; (C, length)
            float32.
        """
        wanted = max(0, round(second * self._rate))
        end = self._read_to(wanted + self._length)
        if end < self._length:
            raise MediaError(
                f'{self._source}: the sound is {end / self._rate:.3f} s long; the model needs at '
                f'least one window of {self._length / self._rate:.3f} s.'
            )
        if wanted >= end:
            return wanted / self._rate, np.zeros_like(self._held[:, : self._length])
        begin = min(wanted, end - self._length)
        window = self._held[:, begin - self._start : begin - self._start + self._length].copy()
        drop = wanted - self._length - self._start
        if drop > 0:
            self._held, self._start = self._held[:, drop:], self._start + drop
        return begin / self._rate, window

    def _read_to(self, sample: int) -> int:
        """Read until a sample is held or the stream is over; the end of what is held."""
        parts = [] if self._held is None else [self._held]
        end = self._start + sum(part.shape[1] for part in parts)
        while end < sample and not self._over:
            block = next(self._blocks, None)
            if block is None:
                self._over = True
            else:
                parts.append(block)
                end += block.shape[1]
        if len(parts) > 1 or self._held is None and parts:
            self._held = np.concatenate(parts, axis=1)
        return end

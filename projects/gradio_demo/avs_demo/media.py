# Copyright (c) mmavs developers. All rights reserved.
"""What a visitor gives: checked against limits, and heard with another sound where asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmavs.apis.clip_stream import MediaReader
from mmavs.utils.audio_stream import resample_blocks, set_channels
from mmavs.utils.errors import MediaError
from mmavs.utils.video_reader import TimedFrame, VideoReader

OWN, SILENCE, SWAPPED = 'its own sound', 'silence', 'the sound of another clip'
SOUNDS = (OWN, SILENCE, SWAPPED)
"""tuple[str]: What a clip can be heard with."""


@dataclass(frozen=True)
class Limits:
    """What the demo takes.

    Attributes:
        megabytes (float): Of a file.
        seconds (float): Of a clip.
        pixels (int): Of a frame.
        frames_per_second (float): As the file states.
    """

    megabytes: float = 50
    seconds: float = 30
    pixels: int = 1920 * 1088
    frames_per_second: float = 61


def open_upload(path: str | Path | None, limits: Limits) -> 'LimitedVideo':
    """Open a file that a visitor gave.

    Args:
        path (str | Path, optional): The file, None if there is none.
        limits (Limits): What it may be.

    Returns:
        LimitedVideo: Its pictures and sound; its ``info.path`` is the name alone.

    Raises:
        MediaError: If it cannot be used; names the file, not where it lies on this machine.
    """
    if not path:
        raise MediaError('There is no clip yet: upload or record one.')
    path = Path(path)
    try:
        size = path.stat().st_size / 2**20
        if size > limits.megabytes:
            raise MediaError(
                f'{path.name} has {size:.0f} MiB, at most {limits.megabytes:g} are taken. Cut it, '
                'or make it smaller.'
            )
        return LimitedVideo(VideoReader(path), path.name, limits)
    except FileNotFoundError:
        raise MediaError(f'{path.name} is not here any more: upload it again.') from None
    except MediaError as error:
        raise MediaError(str(error).replace(str(path), path.name)) from error


class LimitedVideo:
    """A video of which no more is read than the limits allow, whatever its header says.

    Args:
        reader (MediaReader): The video.
        name (str): What it is called in messages and results.
        limits (Limits): What it may be.

    Raises:
        MediaError: If what it states is beyond a limit.
    """

    def __init__(self, reader: MediaReader, name: str, limits: Limits) -> None:
        self._reader, self._limits = reader, limits
        self.info = replace(reader.info, path=name)
        self.listen_offset = reader.listen_offset
        width, height = self.info.width, self.info.height
        if width * height > limits.pixels:
            raise MediaError(
                f'{name} is {width}x{height}, at most {limits.pixels / 1e6:.1f} megapixels a frame '
                'are taken. Make it smaller.'
            )
        if self.info.fps > limits.frames_per_second:
            raise MediaError(
                f'{name} has {float(self.info.fps):.0f} frames a second, at most '
                f'{limits.frames_per_second:g} are taken.'
            )
        self._check_time(self.info.duration or 0.0)

    def iter_frames(self) -> Iterator[TimedFrame]:
        """Iterate the pictures; see :class:`VideoReader`."""
        for frame in self._reader.iter_frames():
            self._check_time(frame.time)
            yield frame

    def iter_audio(
        self, sample_rate: int | None = None, channels: int | None = None
    ) -> Iterator[np.ndarray]:
        """Iterate the sound; see :class:`VideoReader`. What is beyond the limit is not read."""
        rate = sample_rate or self.info.sample_rate
        left = round((self._limits.seconds + 1) * rate)
        for block in self._reader.iter_audio(sample_rate, channels):
            yield block[:, :left]
            left -= block.shape[1]
            if left <= 0:
                return

    def _check_time(self, seconds: float) -> None:
        if seconds > self._limits.seconds + 0.5:  # containers round
            raise MediaError(
                f'{self.info.path} lasts {seconds:.0f} s or more, at most '
                f'{self._limits.seconds:g} s are taken. Cut it.'
            )


class HeardWith:
    """The pictures of one clip with silence or the sound of another.

    Args:
        media (MediaReader): Pictures, and how long the sound is.
        other (MediaReader, optional): Whose sound is heard, from the beginning again where it is
            shorter. Defaults to None: silence.
    """

    def __init__(self, media: MediaReader, other: MediaReader | None = None) -> None:
        self._media, self._other = media, other
        self.info = media.info
        self.listen_offset = media.listen_offset
        if other is not None:
            rate, channels = other.info.sample_rate, min(other.info.channels, 2)
            self.info = replace(media.info, sample_rate=rate, channels=channels)

    def iter_frames(self) -> Iterator[TimedFrame]:
        """Iterate the pictures."""
        return self._media.iter_frames()

    def iter_audio(
        self, sample_rate: int | None = None, channels: int | None = None
    ) -> Iterator[np.ndarray]:
        """Iterate as much sound as the clip has of its own.

        Args:
            sample_rate (int, optional): Wanted rate in Hz. Defaults to that of ``info``.
            channels (int, optional): 1 or 2. Defaults to those of ``info``.

        Yields:
            ndarray: (C, n) float32.
        """
        rate, channels = sample_rate or self.info.sample_rate, channels or self.info.channels
        left = sum(block.shape[1] for block in self._media.iter_audio(rate, 1))
        for block in self._blocks(rate, channels):
            yield block[:, :left]
            left -= block.shape[1]
            if left <= 0:
                return

    def _blocks(self, rate: int, channels: int) -> Iterator[np.ndarray]:
        """Endless."""
        while self._other is None:
            yield np.zeros((channels, rate), dtype=np.float32)
        native = self._other.info.sample_rate
        while True:
            # All channels down to one or two first: those of the other clip may be more.
            blocks = (set_channels(block, channels) for block in self._other.iter_audio(native, 1))
            empty = True
            for block in resample_blocks(blocks, native, rate):
                empty = empty and not block.size
                yield block
            if empty:
                raise MediaError(f'{self._other.info.path} has no sound that can be decoded.')


def heard_with(media: MediaReader, sound: str, other: MediaReader | None = None) -> MediaReader:
    """A clip as it is to be heard.

    Args:
        media (MediaReader): The clip.
        sound (str): One of :data:`SOUNDS`.
        other (MediaReader, optional): Whose sound it is where it is another clip's.

    Raises:
        ValueError: If the sound is none of them.
        MediaError: If there is no other clip.
    """
    if sound not in SOUNDS:
        raise ValueError(f'The sound is {sound!r}, expected one of {SOUNDS}.')
    if sound == SWAPPED and other is None:
        raise MediaError('Give the other clip whose sound is to be heard.')
    if sound == OWN:
        return media
    return HeardWith(media, other if sound == SWAPPED else None)

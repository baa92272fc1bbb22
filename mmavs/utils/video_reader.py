# Copyright (c) mmavs developers. All rights reserved.
"""Streaming reader of video files: pictures with their times, sound in blocks, constant memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, NamedTuple

import av
import numpy as np

from .audio_stream import check_channels, finite_blocks, resample_blocks, set_channels
from .errors import MediaError

GAP_SECONDS = 0.05
"""float: A hole in the sound's time stamps longer than this is filled with silence."""


class TimedFrame(NamedTuple):
    """A picture and when it is shown.

    Attributes:
        time (float): Seconds since the first picture.
        duration (float): Seconds it is shown.
        image (ndarray): (H, W, 3) uint8 RGB.
        maskige (ndarray, optional): Its Maskige, likewise. Defaults to None.
    """

    time: float
    duration: float
    image: np.ndarray
    maskige: np.ndarray | None = None


@dataclass(frozen=True)
class MediaInfo:
    """What a source of pictures and sound is.

    Attributes:
        path (str): The file or folder.
        width (int): Pixels, after the rotation that the file asks for.
        height (int): Pixels, after the rotation that the file asks for.
        fps (Fraction): Average frame rate.
        duration (float, optional): Seconds of pictures, None where the container does not say.
        sample_rate (int): Of the sound as stored, in Hz.
        channels (int): Of the sound as stored.
    """

    path: str
    width: int
    height: int
    fps: Fraction
    duration: float | None
    sample_rate: int
    channels: int


class VideoReader:
    """Read a video file with sound, one frame and one block at a time.

    Time zero is the first picture. Sound that starts later is preceded by silence, sound from
    before it is cut, holes in the sound's time stamps are filled with silence; so sample n of
    the sound is always heard at n / rate. Each iteration opens the file anew: pictures and
    sound can be read side by side, and again.

    Args:
        path (str | Path): Anything that PyAV reads.

    Raises:
        FileNotFoundError: If there is no such file.
        MediaError: If the file is broken, or has no pictures or no sound.

    Examples:
        >>> reader = VideoReader('clip.mp4')
        >>> for frame in reader.iter_frames():
        ...     print(frame.time, frame.image.shape)
    """

    listen_offset: ClassVar[float] = 0.0
    """float: Seconds from when a frame is shown to the moment it is a picture of."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        if not Path(path).is_file():
            raise FileNotFoundError(f'{self.path}: no such video file.')
        with self._open() as container:
            self._check_streams(container)
            video, audio = container.streams.video[0], container.streams.audio[0]
            first = next(self._decode(container, video), None)
            if first is None:
                raise MediaError(f'{self.path}: no picture can be decoded, the file is broken.')
            self._zero = _seconds(first)
            self._has_times = first.pts is not None
            self._fps = video.average_rate or video.guessed_rate or Fraction(25)
            duration = _stream_duration(video)
            turned = first.rotation % 180 != 0
            self.info = MediaInfo(
                path=self.path,
                width=first.height if turned else first.width,
                height=first.width if turned else first.height,
                fps=Fraction(self._fps),
                duration=duration if duration is not None else _container_duration(container),
                sample_rate=audio.rate,
                channels=audio.channels,
            )
            # Only a stream's own duration says how far its pictures must reach.
            self._expected = duration

    def iter_frames(self) -> Iterator[TimedFrame]:
        """Iterate the pictures in the order they are shown.

        Yields:
            TimedFrame: The picture, turned as the file asks, and when it is shown.

        Raises:
            MediaError: If a picture cannot be decoded, changes its size, or the file ends before
                the duration that it states (a truncated file).
        """
        end = 0.0
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = 'AUTO'
            for index, frame in enumerate(self._decode(container, stream)):
                if self._has_times and frame.pts is not None:
                    time = _seconds(frame) - self._zero
                else:
                    time = index / float(self._fps)
                length = float(frame.duration * frame.time_base) if frame.duration else 0.0
                length = length or 1 / float(self._fps)
                end = time + length
                yield TimedFrame(time, length, self._to_rgb(frame, time))
        if self._expected is not None and end < self._expected - max(1.0, 0.05 * self._expected):
            raise MediaError(
                f'{self.path}: the pictures end at {end:.2f} s of the {self._expected:.2f} s that '
                'the file states; it is truncated or broken. Copy or download it again.'
            )

    def iter_audio(
        self, sample_rate: int | None = None, channels: int | None = None
    ) -> Iterator[np.ndarray]:
        """Iterate the sound from time zero on, without holes.

        Channels are averaged for one, repeated for two. The rate is changed block by block with
        the same Kaiser filter that whole WAV files go through
        (:func:`mmavs.utils.audio_io.resample`), not with FFmpeg's, so that a video is heard as
        its extracted WAV is.

        Args:
            sample_rate (int, optional): Wanted rate in Hz. Defaults to that of the file.
            channels (int, optional): 1 or 2. Defaults to those of the file.

        Yields:
            ndarray: (C, n) float32 in [-1, 1].

        Raises:
            MediaError: If the sound cannot be decoded, holds NaN or infinite samples, or has more
                than two channels where two are wanted.
        """
        check_channels(str(self.path), self.info.channels, channels)
        blocks = finite_blocks(self._native_audio(), str(self.path))
        if channels is not None:
            blocks = (set_channels(block, channels) for block in blocks)
        return resample_blocks(blocks, self.info.sample_rate, sample_rate or self.info.sample_rate)

    def _native_audio(self) -> Iterator[np.ndarray]:
        """Blocks at the file's rate, aligned to time zero by their time stamps."""
        rate, channels = self.info.sample_rate, self.info.channels
        position = 0
        with self._open() as container:
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format='fltp', layout=stream.layout, rate=rate)
            for decoded in self._decode(container, stream):
                for frame in resampler.resample(decoded):
                    block = frame.to_ndarray()
                    start = position
                    if frame.pts is not None:
                        start = round((_seconds(frame) - self._zero) * rate)
                    hole = start - position
                    if hole > GAP_SECONDS * rate or (position == 0 and hole > 0):
                        yield from _silence(channels, hole, rate)
                        position += hole
                    elif position == 0 and hole < 0:
                        block = block[:, -hole:]
                    if block.shape[1]:
                        yield block
                        position += block.shape[1]

    @contextmanager
    def _open(self) -> Iterator[av.container.InputContainer]:
        try:
            container = av.open(self.path)
        except av.FFmpegError as error:
            raise MediaError(
                f'{self.path}: cannot be opened as a video ({error.strerror}); it is broken, '
                'truncated or no video at all.'
            ) from error
        with container:
            yield container

    def _check_streams(self, container: av.container.InputContainer) -> None:
        if not container.streams.video:
            raise MediaError(
                f'{self.path}: has no pictures. It holds only sound, or it is truncated.'
            )
        if not container.streams.audio:
            raise MediaError(
                f'{self.path}: has no sound. Audio-visual segmentation needs it: give a file with '
                'an audio stream, or a folder of frames with a WAV.'
            )

    def _decode(
        self, container: av.container.InputContainer, stream: av.stream.Stream
    ) -> Iterator[av.frame.Frame]:
        frames = container.decode(stream)
        time = 0.0
        while True:
            try:
                frame = next(frames)
            except StopIteration:
                return
            except av.FFmpegError as error:
                raise MediaError(
                    f'{self.path}: the {stream.type} cannot be decoded after {time:.2f} s '
                    f'({error.strerror}); the file is broken or truncated.'
                ) from error
            time = frame.time or time
            yield frame

    def _to_rgb(self, frame: av.VideoFrame, time: float) -> np.ndarray:
        image = frame.to_ndarray(format='rgb24')
        if frame.rotation % 360:
            image = np.ascontiguousarray(np.rot90(image, k=round(frame.rotation / 90)))
        if image.shape[:2] != (self.info.height, self.info.width):
            raise MediaError(
                f'{self.path}: the picture at {time:.2f} s is {image.shape[1]}x{image.shape[0]}, '
                f'the first is {self.info.width}x{self.info.height}; videos that change their '
                'size are not supported, re-encode it.'
            )
        return image


def _seconds(frame: av.frame.Frame) -> float:
    return float(frame.pts * frame.time_base) if frame.pts is not None else 0.0


def _stream_duration(stream: av.stream.Stream) -> float | None:
    return float(stream.duration * stream.time_base) if stream.duration else None


def _container_duration(container: av.container.InputContainer) -> float | None:
    return container.duration / av.time_base if container.duration else None


def _silence(channels: int, samples: int, block: int) -> Iterator[np.ndarray]:
    for start in range(0, samples, block):
        yield np.zeros((channels, min(block, samples - start)), dtype=np.float32)

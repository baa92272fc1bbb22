# Copyright (c) mmavs developers. All rights reserved.
"""Writes MP4 files (H.264 and AAC) piece by piece, in memory that does not grow with the length."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

__all__ = ['VideoWriter', 'as_frame_rate']


def as_frame_rate(fps: Fraction | float) -> Fraction:
    """An exact frame rate, so that 29.97002997... becomes 30000/1001.

    Args:
        fps (Fraction | float): Frames a second.

    Returns:
        Fraction: The nearest fraction with a denominator of at most 1001.

    Raises:
        ValueError: If the rate is not positive.
    """
    rate = Fraction(fps).limit_denominator(1001)
    if rate <= 0:
        raise ValueError(f'fps={fps} must be greater than 0')
    return rate


class VideoWriter:
    """Streams RGB frames, and sound where there is any, into an MP4 file.

    Use it as a context manager, and hand over sound and frames of the same stretch of time close to
    each other: the muxer interleaves them by time, and holds back one stream until the other has
    caught up. The colours are BT.601, limited range, and tagged so.

    Args:
        path (str | Path): File to write; an existing one is replaced.
        fps (Fraction | float): Frames a second, e.g. 25 or ``Fraction(30000, 1001)``.
        size (tuple[int, int]): Width and height in pixels. H.264's yuv420p needs even ones.
        sample_rate (int, optional): Hz of the sound, one of AAC's (7350 to 96000). Defaults to
            None: no sound track.
        channels (int): 1 or 2. Defaults to 2.
        crf (int): Quality of x264, 0 (lossless) to 51. Defaults to 18, visually lossless.
        pad_odd (bool): Whether frames of an odd width or height get one more column or row, a copy
            of the last one. Defaults to False: an odd size is an error.

    Raises:
        ValueError: If the size is odd (and ``pad_odd`` off) or not positive, the number of channels
            is neither 1 nor 2, or AAC does not know the sample rate.
        FileNotFoundError: If the folder does not exist.
        RuntimeError: If PyAV was built without an H.264 encoder.
    """

    def __init__(
        self,
        path: str | Path,
        fps: Fraction | float,
        size: tuple[int, int],
        sample_rate: int | None = None,
        channels: int = 2,
        *,
        crf: int = 18,
        pad_odd: bool = False,
    ) -> None:
        self.path = Path(path)
        self.size = (int(size[0]), int(size[1]))
        self._check(sample_rate, channels, pad_odd)
        self.fps = as_frame_rate(fps)
        self.sample_rate, self.channels = sample_rate, channels
        self._frames_written = self._samples_written = 0
        self._container = av.open(str(self.path), mode='w', format='mp4')
        self._video = self._add_video(crf)
        self._audio = None
        if sample_rate is not None:
            layout = 'mono' if channels == 1 else 'stereo'
            self._audio = self._container.add_stream('aac', rate=sample_rate, layout=layout)
            self._audio.bit_rate = 96000 * channels

    def _check(self, sample_rate: int | None, channels: int, pad_odd: bool) -> None:
        width, height = self.size
        if min(self.size) < 1:
            raise ValueError(f'{self.path}: size={self.size} (width, height) must be positive')
        if (width % 2 or height % 2) and not pad_odd:
            raise ValueError(
                f'{self.path}: H.264 (yuv420p) needs an even width and height, but '
                f'size={self.size}; resize the frames, or pass pad_odd=True to repeat the last '
                'column and row'
            )
        if channels not in (1, 2):
            raise ValueError(f'{self.path}: channels={channels}; sound is mono (1) or stereo (2)')
        rates = av.Codec('aac', 'w').audio_rates
        if sample_rate is not None and rates and sample_rate not in rates:
            raise ValueError(
                f'{self.path}: AAC has no sample_rate={sample_rate}; resample the sound to one of '
                f'{", ".join(str(rate) for rate in sorted(rates))} Hz'
            )
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f'{self.path}: the folder {self.path.parent} does not exist')

    def _add_video(self, crf: int) -> av.VideoStream:
        codec = _h264_encoder()
        stream = self._container.add_stream(codec, rate=self.fps)
        stream.width, stream.height = (length + length % 2 for length in self.size)
        stream.pix_fmt = 'yuv420p'
        if codec == 'libx264':
            stream.options = {'crf': str(crf), 'preset': 'veryfast'}
        context = stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU601, ColorRange.MPEG
        return stream

    def write_frame(self, frame: np.ndarray) -> None:
        """Append one frame.

        Args:
            frame (np.ndarray): (H, W, 3) uint8 RGB of the writer's size.

        Raises:
            ValueError: If the shape or the type differs.
        """
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise ValueError(
                f'{self.path}: frame {self._frames_written} is {frame.dtype} {frame.shape}, '
                f'expected uint8 {(height, width, 3)}'
            )
        if height % 2 or width % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format='rgb24')
        picture = picture.reformat(format='yuv420p', dst_colorspace=Colorspace.ITU601)
        picture.pts, picture.time_base = self._frames_written, 1 / self.fps
        self._frames_written += 1
        self._container.mux(self._video.encode(picture))

    def write_audio(self, waveform: np.ndarray) -> None:
        """Append sound; pieces may be of any length.

        Args:
            waveform (np.ndarray): (C, n) float32 in [-1, 1]; what lies outside is clipped.

        Raises:
            ValueError: If the writer has no sound track, or the number of channels differs.
        """
        if self._audio is None:
            raise ValueError(
                f'{self.path} was opened without sound; pass sample_rate to VideoWriter'
            )
        if waveform.ndim != 2 or len(waveform) != self.channels:
            raise ValueError(
                f'{self.path}: sound of shape {waveform.shape}, expected ({self.channels}, n)'
            )
        if not waveform.shape[1]:
            return
        planar = np.ascontiguousarray(np.clip(waveform, -1, 1), dtype=np.float32)
        layout = 'mono' if self.channels == 1 else 'stereo'
        frame = av.AudioFrame.from_ndarray(planar, format='fltp', layout=layout)
        frame.sample_rate = self.sample_rate
        frame.pts, frame.time_base = self._samples_written, Fraction(1, self.sample_rate)
        self._samples_written += waveform.shape[1]
        self._container.mux(self._audio.encode(frame))

    def close(self) -> None:
        """Write what the encoders still hold, and the index. A second call does nothing."""
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            if self._frames_written:
                container.mux(self._video.encode(None))
            if self._samples_written:
                container.mux(self._audio.encode(None))
        finally:
            container.close()

    def __enter__(self) -> 'VideoWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _h264_encoder() -> str:
    """libx264 where PyAV has it, else FFmpeg's default encoder for H.264."""
    for name in ('libx264', 'h264'):
        try:
            return av.Codec(name, 'w').name
        except av.codec.codec.UnknownCodecError:
            continue
    raise RuntimeError(
        'This PyAV has no H.264 encoder; install its wheel from PyPI: pip install av'
    )

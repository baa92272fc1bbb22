# Copyright (c) mmavs developers. All rights reserved.
"""Streaming reader of a folder of frames with a WAV, in the manner of a video file."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, UnidentifiedImageError

from .audio_stream import check_channels, finite_blocks, resample_blocks, set_channels
from .errors import MediaError
from .maskige_names import MASKIGE_SUFFIX, maskige_file
from .timing import FRAME_POSITION
from .video_reader import MediaInfo, TimedFrame

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')
"""tuple[str]: What counts as a frame; other files in the folder are left alone."""


class FrameFolder:
    """Read frames that were taken from a video at a steady rate, with the sound in a WAV.

    Frame k (in natural order of the names: 2 before 10) is shown from k / fps on and was taken
    near the end of its interval, at (k + 0.9375) / fps, as the benchmarks do. Maskiges lie beside
    their frames, ``a_1_mask_color.png`` beside ``a_1.png``, and are no frames.

    Args:
        path (str | Path): The folder.
        audio (str | Path, optional): The WAV. Defaults to the only one in the folder.
        fps (float): Frames a second. Defaults to 1, as in the benchmarks.
        maskige (bool): Whether to read the Maskiges too. Defaults to False.

    Raises:
        FileNotFoundError: If the folder or the WAV does not exist, or a Maskige that is wanted.
        MediaError: If there are no frames, no or several WAVs, pictures of different sizes, or a
            file that cannot be read.
    """

    def __init__(
        self,
        path: str | Path,
        audio: str | Path | None = None,
        fps: float = 1,
        maskige: bool = False,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise FileNotFoundError(f'{path}: no such folder of frames.')
        if fps <= 0:
            raise ValueError(f'fps must be positive, got {fps}.')
        self.frame_paths = sorted(
            (
                file
                for file in self.path.iterdir()
                if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.endswith(MASKIGE_SUFFIX)
            ),
            key=_natural,
        )
        self.with_maskige = maskige
        if not self.frame_paths:
            raise MediaError(f'{path}: there are no frames in it ({", ".join(IMAGE_SUFFIXES)}).')
        self.audio_path = Path(audio) if audio is not None else self._find_wav()
        sample_rate, channels = _wav_format(self.audio_path)
        width, height = self._common_size()
        self._fps = Fraction(fps).limit_denominator(1001)
        self.listen_offset = FRAME_POSITION / float(self._fps)
        self.info = MediaInfo(
            path=str(path),
            width=width,
            height=height,
            fps=self._fps,
            duration=len(self.frame_paths) / float(self._fps),
            sample_rate=sample_rate,
            channels=channels,
        )

    def iter_frames(self) -> Iterator[TimedFrame]:
        """Iterate the frames.

        Yields:
            TimedFrame: The frame, its Maskige if wanted, and when it is shown.

        Raises:
            MediaError: If a picture cannot be decoded.
        """
        for index, path in enumerate(self.frame_paths):
            maskige = _read_rgb(maskige_file(path)) if self.with_maskige else None
            shown = index / float(self._fps), 1 / float(self._fps)
            yield TimedFrame(*shown, _read_rgb(path), maskige)

    def iter_audio(
        self, sample_rate: int | None = None, channels: int | None = None
    ) -> Iterator[np.ndarray]:
        """Iterate the sound.

        Args:
            sample_rate (int, optional): Wanted rate in Hz. Defaults to that of the WAV.
            channels (int, optional): 1 or 2. Defaults to those of the WAV.

        Yields:
            ndarray: (C, n) float32 in [-1, 1].

        Raises:
            MediaError: If the WAV cannot be decoded, holds NaN or infinite samples, or has more
                than two channels where two are wanted.
        """
        check_channels(str(self.audio_path), self.info.channels, channels)
        blocks = finite_blocks(self._wav_blocks(), str(self.audio_path))
        if channels is not None:
            blocks = (set_channels(block, channels) for block in blocks)
        return resample_blocks(blocks, self.info.sample_rate, sample_rate or self.info.sample_rate)

    def _wav_blocks(self) -> Iterator[np.ndarray]:
        try:
            for block in soundfile.blocks(
                self.audio_path, self.info.sample_rate, dtype='float32', always_2d=True
            ):
                yield block.T
        except soundfile.LibsndfileError as error:
            raise MediaError(f'{self.audio_path}: the sound cannot be read ({error}).') from error

    def _find_wav(self) -> Path:
        wavs = sorted(file for file in self.path.iterdir() if file.suffix.lower() == '.wav')
        if len(wavs) == 1:
            return wavs[0]
        found = ', '.join(file.name for file in wavs) or 'none'
        raise MediaError(
            f'{self.path}: the sound is the only .wav in the folder, found {found}. Say which file '
            'it is (--audio of tools/infer.py).'
        )

    def _common_size(self) -> tuple[int, int]:
        """Width and height of all pictures that are read, from their headers alone."""
        first = _picture_size(self.frame_paths[0])
        paths = list(self.frame_paths)
        if self.with_maskige:
            paths += map(maskige_file, self.frame_paths)
        for path in paths:
            if not path.is_file():
                raise FileNotFoundError(
                    f'{path}: no such Maskige. The model reads the Maskige of each frame, which '
                    'lies beside it: make them with tools/dataset_converters/sam_masks2maskige.py '
                    '(docs/en/datasets/maskige.md).'
                )
            size = _picture_size(path)
            if size != first:
                raise MediaError(
                    f'{path}: is {size[0]}x{size[1]}, {self.frame_paths[0].name} is '
                    f'{first[0]}x{first[1]}; the pictures of a folder must have one size.'
                )
        return first


def _picture_size(path: Path) -> tuple[int, int]:
    """Width and height."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError) as error:
        raise MediaError(f'{path}: the picture cannot be read ({error}).') from error


def _read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert('RGB'))
    except (OSError, SyntaxError) as error:  # Pillow's errors for broken PNG data
        raise MediaError(f'{path}: the picture cannot be read ({error}).') from error


def _natural(path: Path) -> list[int | str]:
    """Sort key in which ``2.png`` comes before ``10.png``."""
    return [int(part) if part.isdecimal() else part for part in re.split(r'(\d+)', path.name)]


def _wav_format(path: Path) -> tuple[int, int]:
    """Rate in Hz and channels of a WAV."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such WAV.')
    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise MediaError(f'{path}: the sound cannot be read ({error}).') from error
    return info.samplerate, info.channels

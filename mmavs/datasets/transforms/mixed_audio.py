# Copyright (c) mmavs developers. All rights reserved.
"""The sound of a picture: several recordings, mixed, each at its place from left to right."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmavs.registry import TRANSFORMS
from mmavs.utils.audio_io import read_audio

from .noise import under_condition

ON_SHORT = ('tile', 'pad', 'error')


@TRANSFORMS.register_module()
class LoadMixedAudio(BaseTransform):
    """Read, crop and sum the recordings of what sounds in a picture (VPO).

    Each recording is averaged to one channel, resampled, and cropped to ``seconds`` in its middle
    (seconds 3.5 to 6.5 of VGGSound's 10). Shorter ones are lengthened whole as ``on_short`` says.
    (The official loader slices with a negative start and tiles nothing but the end.)

    Mono is the sum of all of them, stereo the sum of ``((1 - p) * w, p * w)`` over the recordings
    w with their positions p (0 is left, 1 right). As in the official loader the sum is neither
    divided by their number nor clipped, so it may go beyond [-1, 1].

    For stereo put :class:`FlipStereo` behind the flip: swapping the channels is the same as taking
    1 - p for every position. (The official loader of VPO-SS does not do it.)

    Required keys: ``audio_paths`` (list of str), ``audio_positions`` (list of float in [0, 1], for
    stereo), ``audio_condition`` and what belongs to it (optional).

    Added keys: ``audio`` ((1, S) or (2, S) float32), ``sample_rate`` (Hz).

    Args:
        sample_rate (int): Rate in Hz that the audio encoder expects. Defaults to 16000.
        seconds (float): Length of the result. Defaults to 3.0.
        stereo (bool): Whether to give two channels. Defaults to False.
        on_short (str): What a recording shorter than ``seconds`` gets: ``'tile'`` repeats it from
            its beginning, ``'pad'`` adds zeros at its end, ``'error'`` raises.
            Defaults to ``'tile'``.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        seconds: float = 3.0,
        stereo: bool = False,
        on_short: str = 'tile',
    ) -> None:
        if on_short not in ON_SHORT:
            raise ValueError(f'on_short is {on_short!r}, expected one of {ON_SHORT}.')
        if seconds <= 0:
            raise ValueError(f'seconds must be positive, got {seconds}.')
        self.sample_rate = sample_rate
        self.seconds = seconds
        self.stereo = stereo
        self.on_short = on_short

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mix the recordings.

        Raises:
            FileNotFoundError: If a recording is missing.
            ValueError: If one is broken or too short, there is none, or positions do not fit.
        """
        paths = results['audio_paths']
        if not paths:
            raise ValueError(f'{results.get("clip_id", "The clip")} has no recording to mix.')
        sources = np.stack([self._read(path) for path in paths])
        if self.stereo:
            right = self._positions(results)
            audio = np.stack([1 - right, right]) @ sources
        else:
            audio = sources.sum(axis=0, keepdims=True)
        results['audio'] = under_condition(audio.astype(np.float32), self.sample_rate, results)
        results['sample_rate'] = self.sample_rate
        return results

    def _read(self, path: str) -> np.ndarray:
        """(S,) float32, the middle of one recording."""
        waveform = read_audio(path, self.sample_rate, mono=True)[0][0]
        length = round(self.seconds * self.sample_rate)
        if len(waveform) < length and self.on_short == 'error':
            raise ValueError(
                f'{path} is too short: {len(waveform) / self.sample_rate:.3f} s, LoadMixedAudio '
                f"takes {self.seconds} s. Set its on_short='tile' or 'pad' in the config."
            )
        return centre_crop(waveform, length, self.on_short)

    @staticmethod
    def _positions(results: dict[str, Any]) -> np.ndarray:
        positions = np.asarray(results.get('audio_positions') or [], dtype=np.float32)
        if positions.shape != (len(results['audio_paths']),):
            raise ValueError(
                f'Stereo needs one position for each recording: {results["audio_paths"]} have '
                f'{results.get("audio_positions")}.'
            )
        if not ((positions >= 0) & (positions <= 1)).all():
            raise ValueError(
                f'The positions of {results["audio_paths"]} are {positions.tolist()}, expected '
                'values from 0 (left) to 1 (right).'
            )
        return positions

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(sample_rate={self.sample_rate}, seconds={self.seconds}, '
            f'stereo={self.stereo}, on_short={self.on_short!r})'
        )


def centre_crop(waveform: np.ndarray, length: int, on_short: str = 'tile') -> np.ndarray:
    """The middle of a waveform; one that is shorter is tiled from its start or padded at its end.

    Args:
        waveform (np.ndarray): (S,), S >= 1.
        length (int): Samples wanted.
        on_short (str): ``'tile'`` or ``'pad'``. Defaults to ``'tile'``.

    Returns:
        np.ndarray: (length,).
    """
    missing = length - len(waveform)
    if missing > 0:
        return np.resize(waveform, length) if on_short == 'tile' else np.pad(waveform, (0, missing))
    start = -missing // 2
    return waveform[start : start + length]

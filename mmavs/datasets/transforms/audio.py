# Copyright (c) mmavs developers. All rights reserved.
"""The sound of a clip: a waveform, or stored log-mel examples.

T frames are heard by T examples of VGGish, 0.975 s long and one every 0.96 s, so a clip of T frames
needs ``0.975 + 0.96 * (T - 1)`` seconds: 15600 + 15360 * (T - 1) samples at 16 kHz, 77040 for the 5
frames of AVSBench-object. HTS-AT hears second k for frame k, so it needs T seconds.
"""

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmavs.registry import TRANSFORMS
from mmavs.utils.audio_io import read_audio
from mmavs.utils.audio_stream import check_channels
from mmavs.utils.timing import HEARING

from .noise import under_condition

SECONDS_PER_FRAME = 1  # in every benchmark
NUM_MEL_FRAMES, NUM_MEL_BANDS = 96, 64
LOGMEL_OF_SILENCE = math.log(0.01)  # log-mel is ln(mel + 0.01): zeros would be a sound


@TRANSFORMS.register_module()
class LoadClipAudio(BaseTransform):
    """Read the waveform of the whole clip from its WAV file.

    Where the sound is shorter than the frames need, ``on_short`` decides. ``'repeat_last'``: the
    incomplete rest behind the last complete example is dropped, and the waveform goes on with its
    last 0.96 s again and again. A warning names the file. All complete examples stay as they are.
    The added ones are near the last complete example, but not equal to it: 94 of their 96 log-mel
    frames are, the first two hear the end of one period and the start of the next.
    ``LogMelFrontend(on_short='repeat_last')`` is another thing: it repeats the last log-mel example
    itself, all 96 frames, as the official script does. What is lengthened here never gets there.
    With ``hears='second'`` nothing is dropped: the waveform goes on with its last second, or with
    all of it where there is less.

    Where the sound is that of another clip or file (``audio_condition`` of the data set), it is cut
    to a second a frame: a longer one would tell that it is not the clip's own.

    Required keys: ``audio_path``, ``num_clip_frames``; optional ``audio_condition`` and what
    belongs to it, see :func:`under_condition`, ``clip_id`` and ``audio_clip_id``.

    Added keys: ``audio`` ((1, S) or (2, S) float32 in [-1, 1]), ``sample_rate`` (Hz).

    Args:
        sample_rate (int): Rate in Hz that the audio encoder expects. Defaults to 16000.
        mono (bool): True: one channel, the mean of all. False: two channels; a file with one has it
            on both. Defaults to True.
        on_short (str): ``'error'`` or ``'repeat_last'``. Defaults to ``'error'``.
        hears (str): What the audio encoder hears of a frame, which decides when a clip is too
            short: ``'vggish'``, 0.975 s every 0.96 s, or ``'second'``, its second of the clip
            (HTS-AT). Defaults to ``'vggish'``.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        mono: bool = True,
        on_short: str = 'error',
        hears: str = 'vggish',
    ) -> None:
        if on_short not in ('error', 'repeat_last'):
            raise ValueError(f"on_short is {on_short!r}, expected 'error' or 'repeat_last'.")
        if hears not in HEARING:
            raise ValueError(f'hears is {hears!r}, expected one of {sorted(HEARING)}.')
        self.sample_rate = sample_rate
        self.mono = mono
        self.on_short = on_short
        self.hears = hears

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the waveform.

        Raises:
            FileNotFoundError: If there is no WAV file.
            ValueError: If it is broken, too short, or has more than two channels where two are
                wanted.
        """
        path = results['audio_path']
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'There is no WAV file {path}. Extract it from the video (ffmpeg -i VIDEO -vn '
                '-acodec pcm_s16le OUT.wav), or use the official log-mel features with '
                'LoadClipLogMel (tools/dataset_converters/logmel_pkl2npy.py converts them).'
            )
        audio, _ = read_audio(path, self.sample_rate, self.mono)
        if not self.mono:
            check_channels(str(path), len(audio), 2)
            audio = audio if len(audio) == 2 else np.repeat(audio, 2, axis=0)
        num_frames = results['num_clip_frames']
        if is_foreign(results):
            audio = audio[:, : round(num_frames * SECONDS_PER_FRAME * self.sample_rate)]
        audio = fit_clip(audio, num_frames, self.sample_rate, self.on_short, str(path), self.hears)
        results['audio'] = under_condition(audio, self.sample_rate, results)
        results['sample_rate'] = self.sample_rate
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(sample_rate={self.sample_rate}, mono={self.mono}, '
            f'on_short={self.on_short!r}, hears={self.hears!r})'
        )


@TRANSFORMS.register_module()
class LoadClipLogMel(BaseTransform):
    """Read stored log-mel examples, those of the chosen frames.

    Required keys: ``logmel_path`` (.npy of (T, C, 96, 64) float32, T = ``num_clip_frames``),
    ``num_clip_frames``, ``frame_indices``, ``audio_condition`` (optional: ``'silence'`` gives the
    log-mel of silence, ln 0.01; ``'noise'`` needs waveforms and is an error). Of another clip's
    examples, the first ``num_clip_frames`` are taken.

    Added keys: ``audio`` ((len(frame_indices), C, 96, 64) float32).
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the examples.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no plain .npy file, of another shape or type, or the condition
                is noise.
        """
        path, frames = results['logmel_path'], results['num_clip_frames']
        if results.get('audio_condition') == 'noise':
            raise ValueError(
                "audio_condition='noise' needs waveforms: a log-mel that is drawn is not that of "
                'any sound. Put LoadClipAudio in the place of LoadClipLogMel.'
            )
        if path is None and is_foreign(results):
            raise ValueError(
                f'The clip is heard with {results["audio_clip_id"]}, which has no log-mel file. '
                'Put LoadClipAudio in the place of LoadClipLogMel.'
            )
        if path is None or not Path(path).is_file():
            raise FileNotFoundError(
                f'There is no log-mel file {path}. Convert the official .pkl files with '
                'tools/dataset_converters/logmel_pkl2npy.py, or use the WAV files with '
                'LoadClipAudio.'
            )
        try:
            logmel = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(
                f'{path} is damaged or no plain .npy array: {error}. Convert it again.'
            ) from error
        tail = (NUM_MEL_FRAMES, NUM_MEL_BANDS)
        if is_foreign(results) and getattr(logmel, 'ndim', 0) == 4:
            logmel = logmel[:frames]
        shape = getattr(logmel, 'shape', None)
        if shape is None or len(shape) != 4 or shape[0] != frames or shape[2:] != tail:
            raise ValueError(
                f'{path} holds an array of shape {shape}, expected (frames, channels, mel frames, '
                f'mel bands) = ({frames}, C, {NUM_MEL_FRAMES}, {NUM_MEL_BANDS}).'
            )
        if logmel.dtype != np.float32 or not np.isfinite(logmel).all():
            raise ValueError(f'{path} holds {logmel.dtype}, expected finite float32 values.')
        logmel = logmel[results['frame_indices']]
        if results.get('audio_condition') == 'silence':
            logmel = np.full_like(logmel, LOGMEL_OF_SILENCE)
        results['audio'] = logmel
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class FlipStereo(BaseTransform):
    """Swap left and right of two-channel audio where the frames are mirrored; mono stays as it is.

    Put it behind the flip and the audio loader.

    Required keys: ``audio``, ``flip`` and ``flip_direction`` (of ``RandomFlip`` in a
    :class:`ClipBroadcaster`).

    Modified keys: ``audio``.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Swap the channels.

        Raises:
            ValueError: If there is no audio or no flip yet, or frames are flipped one by one.
        """
        missing = [key for key in ('audio', 'flip') if key not in results]
        if missing:
            raise ValueError(
                f'FlipStereo found no {missing} in the results: put it behind the audio loader and '
                'behind the ClipBroadcaster that holds RandomFlip.'
            )
        if isinstance(results['flip'], list):
            raise ValueError(
                'The frames of this clip are flipped one by one, so its sound has no one left '
                'side. Set share_random_params=True in ClipBroadcaster, or drop FlipStereo.'
            )
        if results['flip'] and results['flip_direction'] in ('horizontal', 'diagonal'):
            channel_axis = 0 if results['audio'].ndim == 2 else 1
            # A copy: of one channel, ascontiguousarray would keep the negative stride.
            results['audio'] = np.flip(results['audio'], channel_axis).copy()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def is_foreign(results: Mapping[str, Any]) -> bool:
    """Whether the sound of a pipeline's results is that of another clip or file."""
    return results.get('audio_clip_id', results.get('clip_id')) != results.get('clip_id')


def samples_needed(num_frames: int, sample_rate: int, hears: str = 'vggish') -> int:
    """Samples that ``num_frames`` frames hear at ``sample_rate`` Hz, see :class:`LoadClipAudio`."""
    span, step = HEARING[hears]
    return math.ceil(round((span + step * (num_frames - 1)) * sample_rate, 6))


def fit_clip(
    audio: np.ndarray,
    num_frames: int,
    sample_rate: int,
    on_short: str,
    source: str,
    hears: str = 'vggish',
) -> np.ndarray:
    """Make the sound of a clip long enough for its frames, as :class:`LoadClipAudio` does.

    Args:
        audio (np.ndarray): (C, S) float.
        num_frames (int): Frames of the whole clip.
        sample_rate (int): In Hz.
        on_short (str): ``'error'`` or ``'repeat_last'``.
        source (str): Names the sound in messages.
        hears (str): ``'vggish'`` or ``'second'``. Defaults to ``'vggish'``.

    Returns:
        np.ndarray: (C, S') with S' >= S.

    Raises:
        ValueError: If the sound is too short, and ``on_short`` is ``'error'`` or there is not even
            one example of VGGish.
    """
    needed, example = (samples_needed(frames, sample_rate, hears) for frames in (num_frames, 1))
    span, step = HEARING[hears]
    length = audio.shape[1]
    if length >= needed:
        return audio
    found = (
        f'{source} is too short: {length} samples at {sample_rate} Hz '
        f'({length / sample_rate:.3f} s), the {num_frames} frames of the clip need {needed} '
        f'({needed / sample_rate:.3f} s).'
    )
    if length < example and hears == 'vggish':
        raise ValueError(
            f'{found} It does not even hold one example of {span} s that could be '
            'repeated. Extract the sound again, or take the clip out of the csv.'
        )
    if on_short == 'error':
        raise ValueError(
            f"{found} Extract the sound again, or set on_short='repeat_last' in LoadClipAudio of "
            f'the config, which repeats the last {step:g} s of the waveform.'
        )
    warnings.warn(f'{found} Its last {step:g} s are repeated.', stacklevel=3)
    hop = round(step * sample_rate)
    if hears == 'second':
        return repeat_from(audio, length, needed, min(hop, length))
    complete = 1 + (length - example) // hop
    return repeat_from(audio, example + hop * (complete - 1), needed, hop)


def repeat_from(audio: np.ndarray, end: int, length: int, period: int) -> np.ndarray:
    """Continue a waveform behind one of its samples with what stands before that.

    Args:
        audio (np.ndarray): (C, S), S >= end.
        end (int): Samples that stay.
        length (int): Samples wanted.
        period (int): The last so many of ``end`` are repeated.

    Returns:
        np.ndarray: (C, length).
    """
    source = np.arange(length)
    behind = source >= end
    source[behind] = end - period + (source[behind] - end) % period
    return audio[:, source]

# Copyright (c) mmavs developers. All rights reserved.
"""Checks of the sound of one clip."""

from collections.abc import Iterator

import numpy as np

from ..transforms.audio import NUM_MEL_BANDS, NUM_MEL_FRAMES, samples_needed
from .clip_check import clip_check, missing, unreadable
from .content import ClipContent, Sound
from .findings import Finding

SILENCE_RMS = 1e-4
"""float: Of full scale (-80 dB): below it nothing is heard."""
FULL_SCALE = 32767 / 32768 - 1e-6
"""float: The largest 16-bit sample, and a little less for rounding."""
CLIPPED_SHARE = 0.01
"""float: Share of samples at full scale from which on a sound is called clipped."""
SPARE_SECONDS = 1.0
"""float: By how much a sound may be longer than the frames of its clip."""


@clip_check('missing_audio', 'error', 'WAV files that are named and not there')
def missing_audio(clip: ClipContent) -> Iterator[Finding]:
    """Sounds that are not there."""
    remedy = 'Extract it from the video, or take the clip out of the csv.'
    yield from missing(clip, 'missing_audio', clip.sounds, 'WAV files', remedy)


@clip_check('missing_logmel', 'error', 'log-mel files that the config loads and that are not there')
def missing_logmel(clip: ClipContent) -> Iterator[Finding]:
    """Log-mel files that are not there."""
    remedy = 'Convert the official files with tools/dataset_converters/logmel_pkl2npy.py.'
    if clip.needs.audio == 'logmel' and clip.logmel is None:
        file, expected = clip.task.frames[0], 'a log-mel file'
        yield clip.finding('missing_logmel', file, 'no name of its log-mel', expected, remedy)
    yield from missing(clip, 'missing_logmel', [clip.logmel], 'log-mel files', remedy)


@clip_check('unreadable_audio', 'error', 'WAV files that are damaged, cut off or empty')
def unreadable_audio(clip: ClipContent) -> Iterator[Finding]:
    """Sounds that cannot be decoded."""
    yield from unreadable(clip, 'unreadable_audio', clip.sounds, 'an intact WAV file')


@clip_check('unreadable_logmel', 'error', 'log-mel files that are no plain arrays')
def unreadable_logmel(clip: ClipContent) -> Iterator[Finding]:
    """Log-mel files that cannot be read."""
    yield from unreadable(clip, 'unreadable_logmel', [clip.logmel], 'a plain .npy array')


@clip_check(
    'audio_short',
    'warning',
    'sound that ends before the frames do (an error where the loader refuses it)',
)
def audio_short(clip: ClipContent) -> Iterator[Finding]:
    """Sounds that are too short for what the config takes of them."""
    needs, frames = clip.needs, clip.task.num_frames
    for sound in _read(clip):
        needed = needs.seconds or samples_needed(frames, sound.rate, needs.hears) / sound.rate
        if sound.seconds >= needed:
            continue
        least = 0.0
        if not needs.seconds and needs.hears == 'vggish':
            least = samples_needed(1, sound.rate) / sound.rate
        severity = 'warning'
        if needs.on_short == 'error' or sound.seconds < least:
            severity = 'error'
        elif len(set(clip.task.frames)) < len(clip.task.frames):
            severity = 'info'  # the clip is known to be cut short
        of_what = f'to take from a recording ({needs.on_short} if shorter)'
        if not needs.seconds:
            of_what = f'for {frames} frames'
        found, expected = f'{sound.seconds:.3f} s', f'at least {needed:.3f} s {of_what}'
        remedy = 'Extract the sound again; LoadClipAudio(on_short=...) says what is done about it.'
        yield clip.finding('audio_short', sound.path, found, expected, remedy, severity)


@clip_check('audio_long', 'warning', 'sound that goes on for more than a second after the frames')
def audio_long(clip: ClipContent) -> Iterator[Finding]:
    """Sounds of another cut than the frames."""
    if clip.needs.audio == 'mixed':
        return
    limit = clip.task.num_frames + SPARE_SECONDS
    for sound in _read(clip):
        if sound.seconds > limit:
            expected = f'{clip.task.num_frames} s, a second for each frame'
            remedy = 'Cut the sound as the frames are cut: frame t belongs to second t.'
            found = f'{sound.seconds:.3f} s'
            yield clip.finding('audio_long', sound.path, found, expected, remedy)


@clip_check('audio_silent', 'warning', 'sound in which nothing is heard')
def audio_silent(clip: ClipContent) -> Iterator[Finding]:
    """Sounds of zeros, or nearly so."""
    for sound, waveform in _heard(clip):
        rms = float(np.sqrt(np.mean(waveform.astype(np.float64) ** 2)))
        if rms < SILENCE_RMS:
            level = f'{20 * np.log10(rms):.0f} dB' if rms else 'zeros'
            expected = f'more than {20 * np.log10(SILENCE_RMS):.0f} dB of full scale'
            remedy = 'Extract the sound again; if the video has none, leave the clip out.'
            yield clip.finding('audio_silent', sound.path, level, expected, remedy)


@clip_check('audio_clipped', 'warning', 'sound of which 1 % or more is at full scale')
def audio_clipped(clip: ClipContent) -> Iterator[Finding]:
    """Sounds that were too loud for their file."""
    for sound, waveform in _heard(clip):
        share = float(np.mean(np.abs(waveform) >= FULL_SCALE))
        if share >= CLIPPED_SHARE:
            found = f'{100 * share:.1f} % of the samples at full scale'
            remedy = 'Extract the sound again, at a lower level.'
            expected = f'less than {100 * CLIPPED_SHARE:.0f} %'
            yield clip.finding('audio_clipped', sound.path, found, expected, remedy)


@clip_check('audio_not_finite', 'error', 'floating-point sound with NaN or infinite samples')
def audio_not_finite(clip: ClipContent) -> Iterator[Finding]:
    """Sounds that would spoil a whole batch."""
    for sound in _read(clip):
        if sound.waveform is None:
            continue
        wrong = int((~np.isfinite(sound.waveform)).sum())
        if wrong:
            found = f'{wrong} samples are NaN or infinite'
            remedy = 'Extract the sound again, as 16-bit PCM.'
            yield clip.finding('audio_not_finite', sound.path, found, 'finite samples', remedy)


@clip_check('audio_channels', 'error', 'more than two channels where the config loads stereo')
def audio_channels(clip: ClipContent) -> Iterator[Finding]:
    """Sounds that have no left and right."""
    for sound in _read(clip):
        if clip.needs.audio == 'wave' and not clip.needs.mono and sound.channels > 2:
            found, remedy = f'{sound.channels} channels', 'Mix the sound down to two channels.'
            yield clip.finding('audio_channels', sound.path, found, '1 or 2 channels', remedy)


@clip_check('logmel_shape', 'error', 'log-mel files of another shape or type than the clip needs')
def logmel_shape(clip: ClipContent) -> Iterator[Finding]:
    """Log-mel files that do not fit."""
    logmel = clip.logmel
    if logmel is None or not logmel.fine:
        return
    tail = (NUM_MEL_FRAMES, NUM_MEL_BANDS)
    fits = len(logmel.shape) == 4 and logmel.shape[2:] == tail
    if not fits or logmel.shape[0] != clip.task.num_frames or logmel.dtype != 'float32':
        expected = f'float32 ({clip.task.num_frames}, channels, {tail[0]}, {tail[1]})'
        found = f'{logmel.dtype} {logmel.shape}'
        remedy = 'Convert the official file again, or compute it from the WAV file.'
        yield clip.finding('logmel_shape', logmel.path, found, expected, remedy)


@clip_check('logmel_values', 'error', 'log-mel files with NaN or infinite values')
def logmel_values(clip: ClipContent) -> Iterator[Finding]:
    """Log-mel values that would spoil a whole batch."""
    logmel = clip.logmel
    if logmel is None or logmel.values is None or logmel.values.dtype.kind != 'f':
        return
    wrong = int((~np.isfinite(logmel.values)).sum())
    if wrong:
        found, remedy = f'{wrong} values are NaN or infinite', 'Convert the official file again.'
        yield clip.finding('logmel_values', logmel.path, found, 'finite values', remedy)


def _read(clip: ClipContent) -> list[Sound]:
    return [sound for sound in clip.sounds if sound.fine]


def _heard(clip: ClipContent) -> Iterator[tuple[Sound, np.ndarray]]:
    """Sounds whose samples are there and finite."""
    for sound in _read(clip):
        if sound.waveform is not None and np.isfinite(sound.waveform).all():
            yield sound, sound.waveform

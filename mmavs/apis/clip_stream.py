# Copyright (c) mmavs developers. All rights reserved.
"""Media of any length as a stream of clips: which frame, and which sound belongs to it.

Sound that ends before its pictures is not lengthened here, unlike in the benchmarks' pipelines
(``on_short`` of :class:`LoadClipAudio`): there a clip must fill a fixed number of examples, here
every frame has a window of its own. A window that sticks out at the end is moved back until it lies
inside, so 4.8 s of sound under 5 frames move the last window from 3.84 s to 3.825 s; a frame that
lies wholly behind the end hears silence, for repeated sound would show objects sounding that do
not. Where windows really begin is recorded (``Clip.heard_from``).
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from mmavs.utils.audio_stream import AudioWindows
from mmavs.utils.errors import MediaError
from mmavs.utils.frame_folder import FrameFolder
from mmavs.utils.timing import EXAMPLE_STEP, FRAME_POSITION
from mmavs.utils.video_reader import MediaInfo, TimedFrame, VideoReader


class MediaReader(Protocol):
    """What :class:`VideoReader` and :class:`FrameFolder` have in common."""

    info: MediaInfo
    listen_offset: float

    def iter_frames(self) -> Iterator[TimedFrame]:
        """Iterate the pictures."""

    def iter_audio(self, sample_rate: int | None, channels: int | None) -> Iterator[np.ndarray]:
        """Iterate the sound in blocks."""


class Slot(NamedTuple):
    """One wanted frame.

    Attributes:
        start (float): Begin of its interval, in seconds.
        length (float): Length of its interval, in seconds.
        time (float): The frame that is on show at this second is taken.
        hear_from (float, optional): Begin of its sound in seconds. None: so that the frame lies in
            its window where frame 0 of a benchmark clip does, 0.9375 s after the begin.
    """

    start: float
    length: float
    time: float
    hear_from: float | None = None


@dataclass
class Clip:
    """Consecutive sampled frames with the sound of each.

    Attributes:
        index (int): Number of its first frame among all sampled frames.
        images (list[ndarray]): T frames, (H, W, 3) uint8 RGB.
        times (list[float]): When the frames are shown, in seconds.
        heard_from (list[float]): Where their windows begin, in seconds.
        windows (ndarray): (T, C, S) float32 sound.
        maskiges (list[ndarray], optional): Of the frames, likewise. Defaults to None.
    """

    index: int
    images: list[np.ndarray]
    times: list[float]
    heard_from: list[float]
    windows: np.ndarray
    maskiges: list[np.ndarray] | None = None


def open_media(
    path: str | Path,
    audio: str | Path | None = None,
    frame_fps: float = 1,
    maskige: bool = False,
) -> MediaReader:
    """A video file, or a folder of frames with a WAV.

    Args:
        path (str | Path): File or folder.
        audio (str | Path, optional): WAV of a folder. Defaults to the only one inside it.
        frame_fps (float): Frames a second in a folder. Defaults to 1.
        maskige (bool): Whether the model reads Maskiges, which only a folder can have. Defaults to
            False.

    Raises:
        FileNotFoundError: If the path does not exist, or the Maskige of a frame.
        MediaError: If ``audio`` is given for a video file, Maskiges are wanted of one, or the media
            cannot be used.
    """
    if Path(path).is_dir():
        return FrameFolder(path, audio, frame_fps, maskige)
    if maskige and Path(path).is_file():
        raise MediaError(
            f'{path} is a video, and the model reads a Maskige of each frame '
            '(model.maskige_backbone), which a video does not have. Give a folder of frames with '
            'the sound as a WAV and the Maskiges beside the frames, a_1_mask_color.png beside '
            'a_1.png (docs/en/datasets/maskige.md says how to make them); or a model without '
            'Maskiges.'
        )
    if audio is not None:
        raise MediaError(
            f'{path} is no folder; a separate sound ({audio}) goes with a folder of frames only, a '
            'video is heard as it is.'
        )
    return VideoReader(path)


def benchmark_slots(fps: Fraction, clip_frames: int, step: float = EXAMPLE_STEP) -> Iterator[Slot]:
    """One frame a second, chosen and heard as AVSBench does it, clip after clip.

    Within a clip that begins at second s, frame k is number int(k * f + 0.9375 * f) with f the
    rounded frame rate, at most the last of the clip, and hears [s + 0.96 k, s + 0.96 k + 0.975],
    or, of an encoder with another ``step``, from s + step * k on. A new clip starts every
    ``clip_frames`` seconds, so neither the rounding nor the 0.96 add up over a long video.

    Source: ``datasets_avsbench.md`` section 7 (the preprocessing scripts of AVSBench).

    Args:
        fps (Fraction): Frame rate of the media.
        clip_frames (int): Frames of a clip.
        step (float): Seconds from the begin of a frame's sound to that of the next. Defaults to
            0.96, VGGish's.
    """
    fps = max(fps, Fraction(1))  # slower media: each second takes what is on show
    rounded = round(fps)
    for clip_start in itertools.count(0, clip_frames):
        first, last = round(clip_start * fps), round((clip_start + clip_frames) * fps) - 1
        for k in range(clip_frames):
            number = min(first + int(k * rounded + FRAME_POSITION * rounded), last)
            # Half a frame later than its begin: rounded time stamps cannot miss it.
            time = float((number + Fraction(1, 2)) / fps)
            yield Slot(clip_start + k, 1.0, time, clip_start + step * k)


def dense_slots(rate: float) -> Iterator[Slot]:
    """Frames at a steady rate, each near the end of its interval, hearing the sound around it.

    Args:
        rate (float): Frames a second.
    """
    for k in itertools.count():
        yield Slot(k / rate, 1 / rate, (k + FRAME_POSITION) / rate)


def pick_frames(
    frames: Iterable[TimedFrame], slots: Iterator[Slot]
) -> Iterator[tuple[Slot, TimedFrame]]:
    """The frame on show at the time of each slot, in one pass.

    The last slot may lie behind the last frame: it takes that frame if at least half of its
    interval is filled, or if it is the first slot (a video shorter than a second).

    Args:
        frames (Iterable[TimedFrame]): In the order of their times.
        slots (Iterator[Slot]): Likewise.

    Yields:
        tuple[Slot, TimedFrame]: A frame may come twice where slots are denser than frames.
    """
    slot, shown, taken = next(slots), None, 0
    for frame in frames:
        while shown is not None and slot.time < frame.time:
            yield slot, shown
            slot, taken = next(slots), taken + 1
        shown = frame
    if shown is None:
        return
    end = shown.time + shown.duration
    while slot.time < end:
        yield slot, shown
        slot, taken = next(slots), taken + 1
    if end - slot.start >= slot.length / 2 or not taken:
        yield slot, shown


def iter_clips(
    media: MediaReader,
    sample_rate: int,
    window: int,
    channels: int = 1,
    clip_frames: int = 5,
    fps: float | None = None,
    step: float = EXAMPLE_STEP,
) -> Iterator[Clip]:
    """Sample media into clips, holding no more than one of them.

    Args:
        media (MediaReader): Pictures and sound.
        sample_rate (int): Of the model's audio encoder, in Hz.
        window (int): Samples that the encoder hears for one frame.
        channels (int): 1 or 2. Defaults to 1.
        clip_frames (int): Frames of a clip; the last clip may have fewer. Defaults to 5.
        fps (float, optional): Sampled frames a second, each with the sound around it. Defaults to
            one a second, as :func:`benchmark_slots` has it.
        step (float): See :func:`benchmark_slots`. Defaults to 0.96.

    Yields:
        Clip: In the order of time.

    Raises:
        ValueError: If an argument is out of range.
        MediaError: If the media cannot be decoded or the sound is shorter than a window.
    """
    if clip_frames < 1:
        raise ValueError(f'clip_frames must be at least 1, got {clip_frames}.')
    if fps is not None and not (fps > 0 and math.isfinite(fps)):
        raise ValueError(f'fps must be a positive number, got {fps}.')
    slots = dense_slots(fps) if fps else benchmark_slots(media.info.fps, clip_frames, step)
    sound = AudioWindows(
        media.iter_audio(sample_rate, channels), sample_rate, window, media.info.path
    )
    picked = pick_frames(media.iter_frames(), slots)
    for index in itertools.count(0, clip_frames):
        heard, chosen = [], []
        for slot, frame in itertools.islice(picked, clip_frames):
            begin = slot.hear_from
            if begin is None:
                begin = frame.time + media.listen_offset - FRAME_POSITION
            heard.append(sound.at(begin))
            chosen.append(frame)
        if not chosen:
            return
        yield Clip(
            index=index,
            images=[frame.image for frame in chosen],
            times=[frame.time for frame in chosen],
            heard_from=[begin for begin, _ in heard],
            windows=np.stack([samples for _, samples in heard]),
            maskiges=None if chosen[0].maskige is None else [frame.maskige for frame in chosen],
        )


def estimate_samples(media: MediaReader, fps: float | None) -> int | None:
    """About how many frames :func:`iter_clips` will sample; None where nobody knows."""
    if not media.info.duration:
        return None
    return max(1, round(media.info.duration * (fps or 1)))

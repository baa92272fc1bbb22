# Copyright (c) mmavs developers. All rights reserved.
"""The video with its masks painted over it and its own sound."""

import bisect
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mmavs.utils.audio_stream import resample_blocks
from mmavs.utils.video_writer import VideoWriter, as_frame_rate
from mmavs.visualization import overlay_labels

from .clip_stream import MediaReader, Slot, pick_frames
from .result_writer import read_mask

AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
"""tuple[int]: What AAC can store; sound of other rates is stored at 48 kHz."""


def write_overlay(
    path: str | Path,
    media: MediaReader,
    times: Sequence[float],
    mask_paths: Callable[[int], Path],
    palette: Sequence[Sequence[int]],
    opacity: float = 0.5,
    on_frame: Callable[[], None] | None = None,
) -> None:
    """Paint each frame with the mask that is nearest in time; one pass, constant memory.

    The video has the size of the media and its average rate (a variable rate becomes steady, by
    time), the sound is the original one, encoded anew. The file appears whole or not at all.

    Args:
        path (str | Path): MP4 to write.
        media (MediaReader): Pictures and sound.
        times (Sequence[float]): Of the sampled frames, ascending, in seconds.
        mask_paths (Callable): From the number of a sampled frame to its mask file.
        palette (Sequence): RGB of the classes.
        opacity (float): Of the masks, in [0, 1]. Defaults to 0.5.
        on_frame (Callable, optional): Called after each frame. Defaults to None.
    """
    path, info = Path(path), media.info
    part = path.with_name(f'.{path.stem}.part{path.suffix}')
    fps = as_frame_rate(info.fps)
    rate = info.sample_rate if info.sample_rate in AAC_RATES else 48000
    channels = min(info.channels, 2)
    sound = resample_blocks(media.iter_audio(None, channels), info.sample_rate, rate)
    steady = (
        Slot(float(n / fps), float(1 / fps), float((n + 0.5) / fps)) for n in itertools.count()
    )
    switches = [(a + b) / 2 for a, b in itertools.pairwise(times)]
    size = (info.width, info.height)
    try:
        with VideoWriter(part, fps, size, rate, channels, pad_odd=True) as writer:
            shown, mask, written = -1, None, 0
            for slot, frame in pick_frames(media.iter_frames(), steady):
                nearest = bisect.bisect_right(switches, frame.time)
                if nearest != shown:
                    shown, mask = nearest, read_mask(mask_paths(nearest))
                writer.write_frame(overlay_labels(frame.image, mask, palette, opacity))
                written = _write_sound(writer, sound, written, (slot.start + slot.length) * rate)
                if on_frame is not None:
                    on_frame()
            _write_sound(writer, sound, written, float('inf'))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _write_sound(
    writer: VideoWriter, sound: Iterator[np.ndarray], written: int, wanted: float
) -> int:
    """Write blocks until ``wanted`` samples are there or the sound is over; how many are there."""
    while written < wanted:
        block = next(sound, None)
        if block is None:
            break
        writer.write_audio(block)
        written += block.shape[1]
    return written

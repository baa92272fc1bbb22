# Copyright (c) mmavs developers. All rights reserved.
"""Writes a synthetic clip as a video file with sound, and says what is true in it."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from mmavs.utils.timing import FRAME_POSITION
from mmavs.utils.video_writer import VideoWriter, as_frame_rate

from .audio_blind import BlindScore
from .clip import Soundtrack, SynthClip

__all__ = ['VideoTruth', 'write_clip_video']


@dataclass(frozen=True)
class VideoTruth:
    """What is true in a synthetic video.

    Args:
        path (Path): The video.
        times (list[float]): Seconds at which the frames with masks are shown (the frame that is on
            screen at the time asked for).
        masks (np.ndarray): (N, H, W) uint8, 255 where a sounding object is seen, else 0.
        classes (list[str]): Names of the k visible objects' classes.
        sounding (list[list[str]]): Names of those that sound, at each of the times.
        segments (list[dict]): Stretches of one state: start and end in seconds, and sounding.
        ceiling (float): Expected mIoU over these masks of the best predictor that does not hear.
    """

    path: Path
    times: list[float]
    masks: np.ndarray
    classes: list[str]
    sounding: list[list[str]]
    segments: list[dict]
    ceiling: float

    def save(self, folder: str | Path) -> Path:
        """Write the masks as ``<k>.png`` (k from 1) and ``truth.json``, and return the folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for position, mask in enumerate(self.masks):
            Image.fromarray(mask).save(folder / f'{position + 1}.png')
        content = {
            'video': self.path.name,
            'classes': self.classes,
            'frames': [
                {'mask': f'{position + 1}.png', 'time': time, 'sounding': names}
                for position, (time, names) in enumerate(zip(self.times, self.sounding))
            ],
            'segments': self.segments,
            'ceiling': self.ceiling,
        }
        (folder / 'truth.json').write_text(json.dumps(content, indent=1) + '\n')
        return folder


def write_clip_video(
    clip: SynthClip,
    path: Path,
    *,
    seconds: float,
    fps: Fraction | float,
    sample_rate: int,
    channels: int,
    mask_times: list[float] | None,
    progress: bool,
) -> VideoTruth:
    """Render a clip frame by frame into a file; see :meth:`SynthAVS.write_video`."""
    rate = as_frame_rate(fps)
    num_frames = max(1, round(seconds * rate))
    if mask_times is None:
        mask_times = [second + FRAME_POSITION for second in range(int(seconds))]
    outside = [time for time in mask_times if not 0 <= time < num_frames / rate]
    if outside:
        raise ValueError(f'mask_times {outside} lie outside the video of {seconds} s')
    sound = Soundtrack(clip, sample_rate, channels)
    size = (clip.scene.width, clip.scene.height)
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, rate, size, sample_rate, channels) as writer:
        for index in track(range(num_frames), path.name, disable=not progress):
            start, end = (int(step * sample_rate / rate) for step in (index, index + 1))
            writer.write_frame(clip.render(float(index / rate))[0])
            writer.write_audio(sound.render(start, end - start))
    shown = [float(int(time * rate) / rate) for time in mask_times]
    return _truth(clip, path, shown, num_frames / rate)


def _truth(clip: SynthClip, path: Path, times: list[float], seconds: float) -> VideoTruth:
    names = np.array([entry.name for entry in clip.classes])
    score, masks, sounding = BlindScore(), [], []
    for time in times:
        owners = clip.render(time)[1]
        state = clip.timeline.state_at(time)
        masks.append(clip.truth(owners, state))
        sounding.append(names[state].tolist())
        score.add(clip.areas(owners)[None], state[None], *clip.prior, owners.size)
    segments = [
        {'start': start, 'end': float(end), 'sounding': names[members].tolist()}
        for start, end, members in clip.timeline.segments(float(seconds))
    ]
    return VideoTruth(
        path,
        times,
        np.stack(masks) if masks else np.zeros((0, clip.scene.height, clip.scene.width), np.uint8),
        names.tolist(),
        sounding,
        segments,
        score.summary()['ceiling'] if masks else float('nan'),
    )

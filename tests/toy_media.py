# Copyright (c) mmavs developers. All rights reserved.
"""Small videos, encoded with PyAV alone: the readers are not tested with our own writer."""

from fractions import Fraction

import av
import numpy as np


def square_frame(size, bright=255):
    """Black, with a bright upper left quarter; (H, W, 3) for a size (W, H)."""
    width, height = size
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 2, : width // 2] = bright
    return frame


def tone(seconds, rate, loud=lambda t: True, channels=1):
    """440 Hz wherever ``loud`` of the second is true."""
    t = np.arange(round(seconds * rate)) / rate
    gate = np.array([bool(loud(x)) for x in range(int(np.ceil(seconds)) + 1)])
    wave = 0.5 * np.sin(2 * np.pi * 440 * t) * gate[t.astype(int)]
    return np.repeat(wave[None].astype(np.float32), channels, 0)


def write_video(
    path,
    frames,
    fps=25,
    waveform=None,
    rate=44100,
    audio_offset=0.0,
    pts=None,
    faststart=False,
):
    """Encode frames (an iterable of (H, W, 3)) and sound (C, S) with PyAV alone, not our writer."""
    fps = Fraction(fps).limit_denominator(1001)
    options = {'movflags': 'faststart'} if faststart else {}
    with av.open(str(path), 'w', options=options) as container:
        video = audio = None
        for index, frame in enumerate(frames):
            if video is None:
                video = container.add_stream('libx264', rate=fps, options={'preset': 'ultrafast'})
                video.height, video.width = frame.shape[:2]
                video.pix_fmt = 'yuv420p'
                if waveform is not None:
                    layout = 'stereo' if len(waveform) == 2 else 'mono'
                    audio = container.add_stream('aac', rate=rate, layout=layout)
            picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
            picture.pts = index if pts is None else pts[index]
            picture.time_base = 1 / fps
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if audio is not None:
            for start in range(0, waveform.shape[1], 1024):
                block = np.ascontiguousarray(waveform[:, start : start + 1024])
                sound = av.AudioFrame.from_ndarray(block, format='fltp', layout=layout)
                sound.sample_rate = rate
                sound.pts = start + round(audio_offset * rate)
                sound.time_base = Fraction(1, rate)
                container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
    return path

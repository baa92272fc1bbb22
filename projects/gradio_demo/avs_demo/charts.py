# Copyright (c) mmavs developers. All rights reserved.
"""Pictures beside the video: the sound, and how much of the frames is marked over time."""

from collections.abc import Mapping, Sequence

import numpy as np

from mmavs.apis.clip_stream import MediaReader
from mmavs.utils.errors import MediaError
from mmavs.visualization.drawing import spectrogram

RATE = 16000
"""int: Rate that the spectrogram is made at, in Hz."""

SIZE = (9.0, 2.6)
"""tuple[float]: Of a chart, in inches; all have one width, so that times stand under each other."""


def draw_spectrogram(media: MediaReader) -> np.ndarray:
    """The sound of a clip over time and frequency.

    Args:
        media (MediaReader): Pictures are not read.

    Returns:
        ndarray: (H, W, 3) uint8 RGB.

    Raises:
        MediaError: If there is no sound.
    """
    blocks = list(media.iter_audio(RATE, 1))
    if not blocks:
        raise MediaError(f'{media.info.path}: no sound can be decoded.')
    waveform = np.concatenate(blocks, axis=1)
    levels = spectrogram(waveform, RATE)
    seconds = waveform.shape[1] / RATE
    figure, axes = _chart()
    axes.imshow(
        levels[::-1],
        origin='lower',
        aspect='auto',
        cmap='magma',
        vmin=0,
        vmax=1,
        extent=(0, seconds, 0, RATE / 2000),
    )
    axes.set(title='What the model hears', xlabel='seconds', ylabel='kHz')
    return _pixels(figure)


def draw_areas(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> np.ndarray:
    """How much of the picture is marked, over time.

    Args:
        curves (Mapping): By what was heard: times in seconds, and shares of the picture in [0, 1].

    Returns:
        ndarray: (H, W, 3) uint8 RGB.
    """
    figure, axes = _chart()
    for number, (sound, (times, areas)) in enumerate(curves.items()):
        style = '.-' if number == 0 else '.--'
        axes.plot(times, [100 * area for area in areas], style, label=f'heard with {sound}')
    axes.set(title='How much of the picture is marked', xlabel='seconds', ylabel='percent')
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.3 * max(axes.get_ylim()[1], 0.1))  # room for the legend
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8, loc='upper center', ncols=2)
    return _pixels(figure)


def _chart() -> tuple:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=100, layout='constrained')
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _pixels(figure: object) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()

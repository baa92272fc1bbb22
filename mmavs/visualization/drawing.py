# Copyright (c) mmavs developers. All rights reserved.
"""Pixels only: masks over frames, text, spectrograms. All pictures are (H, W, 3) uint8 RGB."""

from collections.abc import Sequence
from functools import cache
from itertools import product

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from mmavs.structures import IGNORE_INDEX

DYNAMIC_RANGE = 80.0
"""float: Decibels from the loudest point of a spectrogram down to black."""

ABOVE, BELOW = (200, 20, 40), (30, 90, 190)
"""tuple[int]: RGB of levels above and below 0."""

FIRST_COLOUR = 35
"""int: Place of orange among the colours of :func:`distinct_colours`."""

LEAST_TEXT = 9
"""int: Height in pixels below which text is cut rather than shrunk."""

LOG_MEL_RANGE = (float(np.log(0.01)), 2.0)
"""tuple[float]: Silence of VGGish's log-mel, and a value that loud speech reaches."""


def overlay_labels(
    image: np.ndarray,
    labels: np.ndarray,
    palette: Sequence[Sequence[int]],
    opacity: float = 0.5,
    outline: bool = True,
) -> np.ndarray:
    """Paint classes over a frame; the background (0) and unlabelled pixels (255) stay as they are.

    Args:
        image (ndarray): (H, W, 3) uint8 RGB.
        labels (ndarray): (H, W) class indices.
        palette (Sequence): RGB of each class.
        opacity (float): 0: only the outline shows; 1: the frame is hidden. Defaults to 0.5.
        outline (bool): Whether to draw the border of each class. Defaults to True.

    Returns:
        ndarray: A new picture.
    """
    painted = image.copy()
    thickness = max(1, round(max(labels.shape) / 300))
    for label in np.unique(labels):
        if label in (0, IGNORE_INDEX):
            continue
        colour = np.array(palette[int(label)], dtype=np.float32)
        region = labels == label
        painted[region] = (image[region] * (1 - opacity) + colour * opacity + 0.5).astype(np.uint8)
        if outline:
            _draw_outline(painted, region, labels == 0, colour, thickness)
    return painted


def _draw_outline(
    painted: np.ndarray, region: np.ndarray, free: np.ndarray, colour: np.ndarray, thickness: int
) -> None:
    """A line in full colour inside, a white one outside: seen on things of the same colour too."""
    kernel = np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8)
    filled = region.astype(np.uint8)
    outside = cv2.dilate(filled, kernel).astype(bool) & free
    # Beyond the picture counts as inside, so that masks at its edge stay open there.
    inside = region & ~cv2.erode(filled, kernel).astype(bool)
    painted[inside] = colour.astype(np.uint8)
    painted[outside] = (painted[outside] * 0.3 + 255 * 0.7).astype(np.uint8)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear with antialiasing, to (width, height)."""
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest neighbour, to (width, height)."""
    return cv2.resize(labels.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)


def _fit(line: str, size: int, max_width: int) -> str:
    if font(size).getlength(line) <= max_width:
        return line
    while line and font(size).getlength(line + '...') > max_width:
        line = line[:-1]
    return line + '...'


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font: no font has to be installed."""
    return ImageFont.load_default(size)


def draw_text(
    canvas: np.ndarray,
    text: str,
    position: tuple[float, float],
    size: int,
    anchor: str = 'mm',
    colour: tuple[int, int, int] = (20, 20, 20),
    backdrop: tuple[int, int, int] | None = None,
    max_width: int | None = None,
) -> None:
    """Write one text (lines parted by newlines) into a picture.

    Args:
        canvas (ndarray): (H, W, 3) uint8, changed in place.
        text (str): The text.
        position (tuple[float]): x, y of the anchor.
        size (int): Height of the font in pixels.
        anchor (str): Pillow's text anchor. Defaults to ``'mm'``, the middle.
        colour (tuple[int]): RGB. Defaults to almost black.
        backdrop (tuple[int], optional): RGB of a box behind the text. Defaults to None.
        max_width (int, optional): The font shrinks until the text fits, but not beyond reading;
            then the text loses its end. Defaults to None.
    """
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    if max_width is not None:
        while (
            size > LEAST_TEXT and draw.multiline_textbbox((0, 0), text, font(size))[2] > max_width
        ):
            size -= 1
        text = '\n'.join(_fit(line, size, max_width) for line in text.split('\n'))
    box = draw.multiline_textbbox(position, text, font(size), anchor=anchor, align='center')
    if backdrop is not None:
        pad = max(2, size // 4)
        draw.rectangle((box[0] - pad, box[1] - pad, box[2] + pad, box[3] + pad), fill=backdrop)
    draw.multiline_text(position, text, colour, font(size), anchor=anchor, align='center')
    canvas[:] = np.asarray(image)


def text_width(text: str, size: int) -> int:
    """Width in pixels of one line in a font of this height."""
    return round(font(size).getlength(text))


def entry_width(name: str, size: int) -> int:
    """Width of an entry of a legend: gap, colour, gap, name."""
    return 14 + size + 5 + text_width(name, size)


def draw_entry(band: np.ndarray, left: int, name: str, colour: Sequence[int], size: int) -> None:
    """Draw an entry of a legend into a band (height, W, 3): a square of the colour, and a name."""
    middle = len(band) / 2
    top, left = round(middle - size / 2), left + 14
    band[top : top + size, left : left + size] = colour
    draw_text(band, name, (left + size + 5, middle), size, 'lm')


def spectrogram(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Magnitudes of a waveform over time and frequency, as the height of a colour map.

    Args:
        waveform (ndarray): (C, S) float; channels are averaged.
        sample_rate (int): In Hz.

    Returns:
        ndarray: (F, n) float32 in [0, 1], 0 Hz in the last row, Nyquist in the first; column j is
        the sound around 10 ms * j; 80 dB from black to white.
    """
    hop = max(1, sample_rate // 100)
    length = 1 << (4 * hop - 1).bit_length()
    mono = torch.as_tensor(np.ascontiguousarray(waveform), dtype=torch.float32).mean(0)
    mono = torch.nn.functional.pad(mono, (length // 2, length // 2))
    spectrum = torch.stft(
        mono, length, hop, window=torch.hann_window(length), center=False, return_complex=True
    )
    level = 20 * torch.log10(spectrum.abs() + 1e-10)
    top = max(float(level.max()), -40.0)  # near silence stays dark
    return ((level - top) / DYNAMIC_RANGE + 1).clamp(0, 1).flip(0).numpy()


def log_mel_levels(log_mel: np.ndarray) -> np.ndarray:
    """VGGish's log-mel as the height of a colour map.

    Args:
        log_mel (ndarray): (..., C, time, mel); channels are averaged.

    Returns:
        ndarray: (..., mel, time) float32 in [0, 1], the lowest band in the last row.
    """
    low, high = LOG_MEL_RANGE
    level = (np.asarray(log_mel, dtype=np.float32).mean(-3) - low) / (high - low)
    return np.clip(level, 0, 1).swapaxes(-1, -2)[..., ::-1, :]


def draw_wave(
    canvas: np.ndarray, samples: np.ndarray, colour: tuple[int, int, int] = (40, 90, 160)
) -> None:
    """Draw a waveform over the whole width of a picture: from least to largest value a column.

    Args:
        canvas (ndarray): (H, W, 3) uint8, changed in place; grey after that where nothing is.
        samples (ndarray): (S,) float in [-1, 1]; what is beyond is cut.
        colour (tuple[int]): RGB. Defaults to blue.
    """
    height, width = canvas.shape[:2]
    canvas[:] = 240
    canvas[height // 2] = 200
    if not len(samples):
        return
    starts = np.arange(width) * len(samples) // width
    low = np.minimum.reduceat(samples, starts).clip(-1, 1)
    high = np.maximum.reduceat(samples, starts).clip(-1, 1)
    top = np.rint((1 - high) / 2 * (height - 1)).astype(int)
    bottom = np.rint((1 - low) / 2 * (height - 1)).astype(int)
    rows = np.arange(height)[:, None]
    canvas[(rows >= top) & (rows <= bottom)] = colour


def colour_levels(levels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Levels (h, w) in [0, 1] as a magma-coloured picture of (width, height)."""
    grey = (np.ascontiguousarray(levels) * 255 + 0.5).astype(np.uint8)
    grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
    return cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB)


def overlay_levels(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Paint levels (H, W) in [0, 1] over a grey frame, magma-coloured; gives a new picture."""
    grey = image.mean(2, keepdims=True)
    painted = colour_levels(levels, image.shape[1::-1]) * 0.7 + grey * 0.3
    return (painted + 0.5).astype(np.uint8)


def overlay_signed(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Paint levels over a pale grey frame: ``ABOVE`` 0, ``BELOW`` 0, and nothing where they are 0.

    Args:
        image (ndarray): (H, W, 3) uint8 RGB.
        levels (ndarray): (H, W) in [-1, 1]; what is beyond is cut.

    Returns:
        ndarray: A new picture.
    """
    grey = image.mean(2, keepdims=True) * 0.5 + 127
    strength = 0.9 * np.abs(levels[..., None]).clip(0, 1) ** 0.7
    colour = np.where(levels[..., None] > 0, ABOVE, BELOW)
    return (grey * (1 - strength) + colour * strength + 0.5).astype(np.uint8)


def distinct_colours(count: int) -> list[tuple[int, int, int]]:
    """Vivid RGB colours, each as far as possible (in CIELAB) from those before it.

    There are 324; beyond that they repeat.
    """
    hues, saturations, values = range(0, 360, 10), (0.45, 0.7, 1.0), (0.5, 0.75, 1.0)
    grid = np.float32([list(product(hues, saturations, values))])
    rgb = cv2.cvtColor(grid, cv2.COLOR_HSV2RGB)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0]
    chosen, distance = [], np.full(len(lab), np.inf)
    spot = FIRST_COLOUR
    for _ in range(count):
        chosen.append(spot)
        distance = np.minimum(distance, np.linalg.norm(lab - lab[spot], axis=1))
        spot = int(distance.argmax())
    return [tuple(colour) for colour in np.rint(255 * rgb[0][chosen]).astype(int).tolist()]


def overlay_heat(image: np.ndarray, levels: np.ndarray, opacity: float = 0.7) -> np.ndarray:
    """Paint levels over a greyed picture: nothing at 0, through blue and green to red at 1.

    Args:
        image (ndarray): (H, W, 3) uint8 RGB.
        levels (ndarray): (h, w) float in [0, 1]; resized to the picture.
        opacity (float): At level 1. Defaults to 0.7.

    Returns:
        ndarray: A new picture.
    """
    size = image.shape[1::-1]
    levels = cv2.resize(levels.astype(np.float32), size, interpolation=cv2.INTER_LINEAR).clip(0, 1)
    colours = cv2.applyColorMap((levels * 255 + 0.5).astype(np.uint8), cv2.COLORMAP_TURBO)
    share = opacity * np.sqrt(levels)[..., None]
    grey = image.mean(2, keepdims=True) * 0.6 + image * 0.4
    mixed = grey * (1 - share) + cv2.cvtColor(colours, cv2.COLOR_BGR2RGB) * share
    return (mixed + 0.5).astype(np.uint8)

# Copyright (c) mmavs developers. All rights reserved.
"""The layout of a clip's picture: labels at the left, a column a frame, the sound under them."""

from collections.abc import Sequence

import numpy as np

from mmavs.utils.timing import FRAME_POSITION

from .drawing import colour_levels, draw_text, font, log_mel_levels, spectrogram

WHITE, GREY = (255, 255, 255), (110, 110, 110)
MARGIN, GAP, LABELS = 12, 6, 96  # pixels: outside, between cells, column of labels
TEXT, SMALL = 16, 13  # pixels: heights of the fonts
CELL_LIMITS = (40, 240)  # pixels: least and largest longer side of a frame
SOUND_HEIGHT = 110


class ClipFigure:
    """A picture that is built band by band, from the top down.

    Args:
        num_frames (int): Columns.
        frame_shape (tuple[int, int]): Height and width of the frames, for the aspect of the cells.
        max_width (int): Of the picture; many frames make it wider rather than too small to see.
    """

    def __init__(self, num_frames: int, frame_shape: tuple[int, int], max_width: int) -> None:
        height, width = frame_shape
        smallest, largest = CELL_LIMITS
        room = (max_width - 2 * MARGIN - LABELS) / num_frames - GAP
        scale = largest / max(height, width)
        scale = max(min(scale, room / width), smallest / max(height, width))
        self.cell = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Narrow columns still hold the frame's time.
        self._pitch = max(self.cell[0] + GAP, 3 * SMALL)
        self._columns = [MARGIN + LABELS + k * self._pitch for k in range(num_frames)]
        self._width = max(self._columns[-1] + self._pitch - GAP + MARGIN, 420)
        self._bands: list[np.ndarray] = []

    def add_title(self, title: str, legend: Sequence[tuple[str, Sequence[int]]] = ()) -> None:
        """The name of the clip, and name and RGB of each class at the right."""
        band = self._band(TEXT + 10)
        middle, right = len(band) / 2, self._width - MARGIN
        for name, colour in reversed(legend):
            right -= _text_width(name, SMALL)
            draw_text(band, name, (right, middle), SMALL, 'lm')
            right -= SMALL + 5
            top = round(middle - SMALL / 2)
            band[top : top + SMALL, right : right + SMALL] = colour
            right -= 14
        room = max(right - MARGIN, 60)
        draw_text(band, title, (MARGIN, middle), TEXT, 'lm', max_width=room)

    def add_times(self, texts: Sequence[str]) -> None:
        """What stands over the frames."""
        band = self._band(SMALL + 5)
        for left, text in zip(self._columns, texts):
            centre = left + self.cell[0] / 2
            draw_text(band, text, (centre, len(band) / 2), SMALL, max_width=self._pitch - 2)

    def add_row(
        self, label: str, images: Sequence[np.ndarray], notes: Sequence[str | None]
    ) -> None:
        """One picture a frame.

        Args:
            label (str): At the left.
            images (Sequence[ndarray]): Of the size ``cell``.
            notes (Sequence): A note dims the picture and stands on it; None leaves it.
        """
        band = self._band(self.cell[1])
        draw_text(band, label, (MARGIN, len(band) / 2), TEXT, 'lm', max_width=LABELS - GAP)
        for left, image, note in zip(self._columns, images, notes):
            spot = band[:, left : left + self.cell[0]]
            spot[:] = image if note is None else (image * 0.25 + 140).astype(np.uint8)
            if note is not None:
                centre = (left + self.cell[0] / 2, len(band) / 2)
                draw_text(band, note, centre, TEXT, backdrop=WHITE, max_width=self.cell[0] - 8)
        self._band(GAP)

    def add_sound(
        self, audio: np.ndarray, sample_rate: int, indices: Sequence[int], clip_length: int
    ) -> None:
        """The sound, each frame's second under the frame.

        Sound beyond the clip is cut, as no frame hears it; where there is less, it is dark.

        Args:
            audio (ndarray): (C, S) waveform of the whole clip, or (T, C, 96, 64) log-mel examples.
            sample_rate (int): Of a waveform, in Hz.
            indices (Sequence[int]): Which frame of the clip each column is.
            clip_length (int): Frames of the clip, one a second.
        """
        if audio.ndim == 4:
            self._add_log_mel(audio)
            return
        band = self._band(SOUND_HEIGHT)
        axis = self._band(SMALL + 6)
        label = f'Sound\n0-{sample_rate / 2000:g} kHz'
        draw_text(band, label, (MARGIN, len(band) / 2), SMALL, 'lm', max_width=LABELS - GAP)
        samples = clip_length * sample_rate
        heard = np.zeros((len(audio), samples), dtype=np.float32)
        heard[:, : audio.shape[-1]] = audio[:, :samples]
        levels = spectrogram(heard, sample_rate)
        step = levels.shape[1] / clip_length
        for first, count in _runs(indices):
            left, index = self._columns[first], indices[first]
            part = levels[:, round(index * step) : round((index + count) * step)]
            drawn = colour_levels(part, (count * self._pitch, SOUND_HEIGHT))
            width = count * self._pitch - GAP
            band[:, left : left + width] = drawn[:, :width]
            for k in range(count + 1):
                x = left + min(k * self._pitch, width)
                text = f'{index + k} s'
                anchor = 'lm' if k == 0 else 'rm' if k == count else 'mm'
                draw_text(axis, text, (x, len(axis) / 2), SMALL - 1, anchor, GREY)
                if k < count:
                    spot = left + k * self._pitch + round(FRAME_POSITION * self._pitch)
                    band[::3, min(spot, left + width - 1)] = WHITE

    def render(self) -> np.ndarray:
        """The picture, (H, W, 3) uint8 RGB."""
        edge = np.full((MARGIN // 2, self._width, 3), 255, dtype=np.uint8)
        return np.concatenate([edge, *self._bands, edge])

    def _add_log_mel(self, examples: np.ndarray) -> None:
        band = self._band(SOUND_HEIGHT)
        draw_text(band, 'Log-mel', (MARGIN, len(band) / 2), SMALL, 'lm', max_width=LABELS - GAP)
        for left, levels in zip(self._columns, log_mel_levels(examples)):
            band[:, left : left + self.cell[0]] = colour_levels(
                levels, (self.cell[0], SOUND_HEIGHT)
            )

    def _band(self, height: int) -> np.ndarray:
        band = np.full((height, self._width, 3), 255, dtype=np.uint8)
        self._bands.append(band)
        return band


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Position and length of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for position, index in enumerate(indices):
        if runs and index == indices[position - 1] + 1:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((position, 1))
    return runs


def _text_width(text: str, size: int) -> int:
    return round(font(size).getlength(text))

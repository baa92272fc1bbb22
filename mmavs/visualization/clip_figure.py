# Copyright (c) mmavs developers. All rights reserved.
"""The layout of a clip's picture: labels at the left, a column a frame, the sound under them."""

from collections.abc import Sequence

import numpy as np

from mmavs.utils.timing import FRAME_POSITION

from .drawing import (
    colour_levels,
    draw_entry,
    draw_text,
    draw_wave,
    entry_width,
    log_mel_levels,
    spectrogram,
    text_width,
)
from .spans import Span, cut, runs_of

Colour = tuple[int, int, int]

WHITE, GREY, BLACK = (255, 255, 255), (110, 110, 110), (20, 20, 20)
MARGIN, GAP, LABELS = 12, 6, 96  # pixels: outside, between cells, column of labels
TEXT, SMALL = 16, 13  # pixels: heights of the fonts
CELL_LIMITS = (40, 240)  # pixels: least and largest longer side of a frame
SOUND_HEIGHT = 110
WAVE_HEIGHT = 54
LEAST_PEAK = 0.01  # of full scale: quieter waveforms are not blown up further


class ClipFigure:
    """A picture that is built band by band, from the top down.

    Args:
        num_frames (int): Columns.
        frame_shape (tuple[int, int]): Height and width of the frames, for the aspect of the cells.
        max_width (int): Of the picture; many frames make it wider rather than too small to see.
        largest (int): Longer side of a cell, in pixels. Defaults to 240.
    """

    def __init__(
        self,
        num_frames: int,
        frame_shape: tuple[int, int],
        max_width: int,
        largest: int = CELL_LIMITS[1],
    ) -> None:
        height, width = frame_shape
        smallest = CELL_LIMITS[0]
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
        """The name of the clip, and name and RGB of each class at the right, or in lines below."""
        band = self._band(TEXT + 10)
        middle, right = len(band) / 2, self._width - MARGIN
        if sum(entry_width(name, SMALL) for name, _ in legend) > self._width // 2:
            self.add_legend(legend)
            legend = ()
        for name, colour in reversed(legend):
            right -= entry_width(name, SMALL)
            draw_entry(band, right, name, colour, SMALL)
        room = max(right - MARGIN, 60)
        draw_text(band, title, (MARGIN, middle), TEXT, 'lm', max_width=room)

    def add_legend(self, legend: Sequence[tuple[str, Sequence[int]]]) -> None:
        """Name and RGB of things, in lines from left to right."""
        left = self._width
        for name, colour in legend:
            width = entry_width(name, SMALL)
            if left + width > self._width - MARGIN:
                band, left = self._band(SMALL + 7), MARGIN
            draw_entry(band, left, name, colour, SMALL)
            left += width

    def add_facts(self, facts: Sequence[str]) -> None:
        """Small text, as many facts in a line as have room."""
        line, room = '', self._width - 2 * MARGIN
        for fact in (*facts, ''):
            longer = f'{line}  |  {fact}' if line else fact
            if not fact or (line and text_width(longer, SMALL) > room):
                band = self._band(SMALL + 5)
                draw_text(band, line, (MARGIN, len(band) / 2), SMALL, 'lm', GREY, max_width=room)
                longer = fact
            line = longer

    def add_times(
        self,
        texts: Sequence[str],
        colours: Sequence[Colour] | None = None,
        backdrops: Sequence[Colour | None] | None = None,
    ) -> None:
        """What stands over the frames.

        Args:
            texts (Sequence[str]): One a frame.
            colours (Sequence, optional): RGB of each. Defaults to None, all black.
            backdrops (Sequence, optional): RGB of a box behind each, or None. Defaults to None.
        """
        band = self._band(SMALL + 5)
        colours = colours or [BLACK] * len(texts)
        backdrops = backdrops or [None] * len(texts)
        for left, text, colour, backdrop in zip(self._columns, texts, colours, backdrops):
            if backdrop is not None:
                band[:, left : left + self.cell[0]] = backdrop
            spot, room = (left + self.cell[0] / 2, len(band) / 2), self._pitch - 2
            draw_text(band, text, spot, SMALL, colour=colour, max_width=room)

    def add_row(
        self,
        label: str,
        images: Sequence[np.ndarray],
        notes: Sequence[str | None],
        colour: Sequence[int] | None = None,
    ) -> None:
        """One picture a frame.

        Args:
            label (str): At the left.
            images (Sequence[ndarray]): Of the size ``cell``.
            notes (Sequence): A note dims the picture and stands on it; None leaves it.
            colour (Sequence[int], optional): RGB of a bar before the pictures. Defaults to None.
        """
        band = self._band(self.cell[1])
        draw_text(band, label, (MARGIN, len(band) / 2), TEXT, 'lm', max_width=LABELS - 2 * GAP)
        if colour is not None:
            band[:, self._columns[0] - GAP : self._columns[0] - 1] = colour
        for left, image, note in zip(self._columns, images, notes):
            spot = band[:, left : left + self.cell[0]]
            spot[:] = image if note is None else (image * 0.25 + 140).astype(np.uint8)
            if note is not None:
                centre = (left + self.cell[0] / 2, len(band) / 2)
                draw_text(band, note, centre, TEXT, backdrop=WHITE, max_width=self.cell[0] - 8)
        self._band(GAP)

    def add_sound(
        self,
        audio: np.ndarray,
        sample_rate: int,
        indices: Sequence[int],
        clip_length: int,
        whole: bool = False,
    ) -> None:
        """The sound, each frame's second under the frame.

        Sound beyond the clip is cut, as no frame hears it; where there is less, it is dark.

        Args:
            audio (ndarray): (C, S) waveform of the whole clip, or (T, C, 96, 64) log-mel examples.
            sample_rate (int): Of a waveform, in Hz.
            indices (Sequence[int]): Which frame of the clip each column is.
            clip_length (int): Frames of the clip, one a second.
            whole (bool): Whether a waveform is drawn whole instead, whatever the frames: that of a
                picture. Defaults to False.
        """
        if audio.ndim == 4:
            self._add_log_mel(audio)
            return
        heard = audio if whole else cut(audio, clip_length * sample_rate)
        label = f'Sound\n0-{sample_rate / 2000:g} kHz'
        seconds = heard.shape[-1] / sample_rate
        spans = self._spans(indices, seconds, whole)
        band = self._add_levels(spectrogram(heard, sample_rate), label, spans, seconds)
        if not whole:
            self._mark_frames(band, spans)
        self._add_seconds(spans)

    def add_waveform(
        self,
        audio: np.ndarray,
        sample_rate: int,
        indices: Sequence[int],
        clip_length: int,
        whole: bool = False,
    ) -> None:
        """The waveform, a band a channel, all scaled by the peak of the loudest.

        Args:
            audio (ndarray): (C, S).
            sample_rate (int): In Hz.
            indices (Sequence[int]): See :meth:`add_sound`.
            clip_length (int): See :meth:`add_sound`.
            whole (bool): See :meth:`add_sound`.
        """
        heard = audio if whole else cut(audio, clip_length * sample_rate)
        peak = float(np.abs(heard).max(initial=0))
        names = ('Left', 'Right') if len(heard) == 2 else [''] * len(heard)
        for name, channel in zip(names, heard):
            band = self._band(WAVE_HEIGHT)
            label = f'{name or "Waveform"}\npeak {np.abs(channel).max(initial=0):.2g}'
            draw_text(band, label, (MARGIN, len(band) / 2), SMALL, 'lm', max_width=LABELS - GAP)
            for span in self._spans(indices, heard.shape[-1] / sample_rate, whole):
                first, last = round(span.begin * sample_rate), round(span.end * sample_rate)
                spot = band[:, span.left : span.left + span.shown]
                shown = round((last - first) * span.shown / span.pixels)
                draw_wave(spot, channel[first : first + shown] / max(peak, LEAST_PEAK))
            self._band(GAP)

    def add_log_mel(
        self, log_mel: np.ndarray, seconds: float, indices: Sequence[int], whole: bool = False
    ) -> None:
        """Log-mel frames of the whole sound.

        Args:
            log_mel (ndarray): (C, n, mel).
            seconds (float): That they last.
            indices (Sequence[int]): See :meth:`add_sound`.
            whole (bool): See :meth:`add_sound`.
        """
        spans = self._spans(indices, seconds, whole)
        self._add_levels(log_mel_levels(log_mel), 'Log-mel', spans, seconds)
        self._add_seconds(spans)

    def render(self) -> np.ndarray:
        """The picture, (H, W, 3) uint8 RGB."""
        edge = np.full((MARGIN // 2, self._width, 3), 255, dtype=np.uint8)
        return np.concatenate([edge, *self._bands, edge])

    def _spans(self, indices: Sequence[int], seconds: float, whole: bool) -> list[Span]:
        """Where the seconds of the frames are drawn, or the whole sound."""
        if whole:
            pixels = self._width - MARGIN - self._columns[0]
            return [Span(self._columns[0], pixels, pixels, 0.0, seconds)]
        return [
            Span(
                self._columns[first],
                count * self._pitch,
                count * self._pitch - GAP,
                indices[first],
                indices[first] + count,
            )
            for first, count in runs_of(indices)
        ]

    def _add_levels(
        self, levels: np.ndarray, label: str, spans: Sequence[Span], seconds: float
    ) -> np.ndarray:
        """A picture of (frequency, time), whose columns cover so many seconds; gives the band."""
        band = self._band(SOUND_HEIGHT)
        draw_text(band, label, (MARGIN, len(band) / 2), SMALL, 'lm', max_width=LABELS - GAP)
        step = levels.shape[1] / seconds
        for span in spans:
            part = levels[:, round(span.begin * step) : round(span.end * step)]
            drawn = colour_levels(part, (span.pixels, SOUND_HEIGHT))
            band[:, span.left : span.left + span.shown] = drawn[:, : span.shown]
        return band

    def _mark_frames(self, band: np.ndarray, spans: Sequence[Span]) -> None:
        """A dotted line where each frame is taken."""
        for span in spans:
            last = span.left + span.shown - 1
            for k in range(round(span.end - span.begin)):
                spot = span.left + k * self._pitch + round(FRAME_POSITION * self._pitch)
                band[::3, min(spot, last)] = WHITE

    def _add_seconds(self, spans: Sequence[Span]) -> None:
        """The axis of time."""
        axis = self._band(SMALL + 6)
        for span in spans:
            for second in range(int(span.begin), int(span.end) + 1):
                share = (second - span.begin) / (span.end - span.begin)
                x = span.left + min(round(share * span.pixels), span.shown)
                anchor = 'lm' if second == span.begin else 'rm' if second == span.end else 'mm'
                draw_text(axis, f'{second} s', (x, len(axis) / 2), SMALL - 1, anchor, GREY)

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

# Copyright (c) mmavs developers. All rights reserved.
"""Maps of a clip (uncertainty, relevance, groups, attention) under its frames, as one picture."""

from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor

from mmavs.registry import VISUALIZERS
from mmavs.structures import AVSDataSample

from .drawing import distinct_colours, overlay_levels, resize_image
from .local_visualizer import AVSLocalVisualizer, as_images
from .map_readers import MapRow
from .query_visualizer import LARGEST_CELL, paint_owners


@VISUALIZERS.register_module()
class AVSMapVisualizer(AVSLocalVisualizer):
    """Draw maps that a head makes of a clip.

    Under frames, ground truth, prediction and sound stands a row a map. Levels are dark where low
    and bright where high, over a grey frame, and the two numbers at the left say which levels are
    black and white. Numbers of groups are painted as colours that say nothing but which pixels
    belong together.

    It takes the arguments of :class:`AVSLocalVisualizer`.
    """

    def draw_maps(
        self,
        name: str,
        frames: np.ndarray | Tensor | Sequence[np.ndarray],
        rows: Sequence[MapRow],
        title: str,
        data_sample: AVSDataSample | None = None,
        audio: np.ndarray | Tensor | None = None,
        sample_rate: int | None = None,
    ) -> np.ndarray:
        """The picture of a clip.

        Args:
            name (str): Of the clip.
            frames (ndarray | Tensor | Sequence): T frames, see
                :meth:`AVSLocalVisualizer.add_datasample`.
            rows (Sequence[MapRow]): Of these frames, at their size (:meth:`MapRow.at_size`).
            title (str): What stands over the rows.
            data_sample (AVSDataSample, optional): Ground truth, prediction, flags, times. Defaults
                to None.
            audio (ndarray | Tensor, optional): Likewise. Defaults to None.
            sample_rate (int, optional): Of a waveform, in Hz. Defaults to 16000.

        Returns:
            ndarray: (H, W, 3) uint8 RGB.

        Raises:
            ValueError: If a row or the data sample is of another number of frames.
        """
        images = as_images(frames)
        for row in rows:
            if len(row.values) != len(images):
                raise ValueError(
                    f'{name}: there are {len(images)} frames, but the maps "{row.label}" are of '
                    f'{len(row.values)}.'
                )
        figure = self._figure_of(
            name, images, data_sample, audio, sample_rate, largest=LARGEST_CELL
        )
        cells = [resize_image(image, figure.cell) for image in images]
        figure.add_title(title)
        for row in rows:
            if row.is_labels:
                label, drawn = row.label, _paint_groups(cells, row.values.numpy())
            else:
                label, drawn = _paint_levels(cells, row)
            figure.add_row(label, drawn, [None] * len(drawn))
        return figure.render()


def _paint_groups(cells: Sequence[np.ndarray], groups: np.ndarray) -> list[np.ndarray]:
    colours = dict(enumerate(distinct_colours(int(groups.max()) + 1)))
    return [
        paint_owners(cell, frame.astype(np.int16), colours) for cell, frame in zip(cells, groups)
    ]


def _paint_levels(cells: Sequence[np.ndarray], row: MapRow) -> tuple[str, list[np.ndarray]]:
    """Label with its limits, and the pictures."""
    values = row.values.numpy()
    low, high = row.limits or (float(values.min()), float(values.max()))
    span = high - low or 1.0
    drawn = []
    for cell, frame in zip(cells, values):
        levels = cv2.resize((frame - low) / span, cell.shape[1::-1]).clip(0, 1)
        drawn.append(overlay_levels(cell, levels))
    return f'{row.label}\n{low:.2g} to {high:.2g}', drawn

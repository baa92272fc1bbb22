# Copyright (c) mmavs developers. All rights reserved.
"""Which pixels the queries of a clip own, and their masks (VCT, Figure 5), as one picture."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from torch import Tensor

from mmavs.registry import VISUALIZERS
from mmavs.structures import AVSDataSample

from .clip_figure import BLACK, GREY, SMALL, WHITE, ClipFigure, Colour
from .drawing import (
    ABOVE,
    BELOW,
    distinct_colours,
    draw_text,
    overlay_labels,
    overlay_signed,
    resize_image,
)
from .local_visualizer import AVSLocalVisualizer, as_images
from .query_maps import QueryMaps

LARGEST_CELL = 180  # pixels: there are many rows
LEGEND_ENTRIES = 12
MOST_LOGIT = 10.0
LUMINANCE = (0.3, 0.59, 0.11)  # weights of R, G, B
LEAST_RADIUS = 8  # pixels: of a region that has its query's number on it


@VISUALIZERS.register_module()
class AVSQueryVisualizer(AVSLocalVisualizer):
    """Draw what the queries of a head see in a clip.

    Under frames, ground truth, prediction and sound stands a row of the pixels that each query
    owns, in the query's colour and with its number, where the head's query generator gives each
    pixel to one query. Then each chosen query has a row of its mask logits: blue below 0, red above
    it, and the edge of the mask (logit 0) in the query's colour. Over a map stands the query's most
    probable class with its probability, in grey where «no object» is more probable; and on the
    colour of a class if the query was matched to what the ground truth shows of that class.

    It takes the arguments of :class:`AVSLocalVisualizer`.
    """

    def draw_queries(
        self,
        name: str,
        frames: np.ndarray | Tensor | Sequence[np.ndarray],
        maps: QueryMaps,
        chosen: Sequence[int],
        data_sample: AVSDataSample | None = None,
        audio: np.ndarray | Tensor | None = None,
        sample_rate: int | None = None,
    ) -> np.ndarray:
        """The picture of a clip.

        Args:
            name (str): Of the clip.
            frames (ndarray | Tensor | Sequence): T frames, see
                :meth:`AVSLocalVisualizer.add_datasample`.
            maps (QueryMaps): Of these frames.
            chosen (Sequence[int]): Queries to draw the masks of, see :meth:`QueryMaps.choose`.
            data_sample (AVSDataSample, optional): Ground truth, prediction, flags, times. Defaults
                to None.
            audio (ndarray | Tensor, optional): Likewise. Defaults to None.
            sample_rate (int, optional): Of a waveform, in Hz. Defaults to 16000.

        Returns:
            ndarray: (H, W, 3) uint8 RGB.

        Raises:
            ValueError: If maps or data sample are of another number of frames.
        """
        images = as_images(frames)
        if len(maps.probs) != len(images):
            raise ValueError(
                f'{name}: there are {len(images)} frames, but the maps are of {len(maps.probs)}.'
            )
        figure = self._figure_of(
            name, images, data_sample, audio, sample_rate, largest=LARGEST_CELL
        )
        cells = [resize_image(image, figure.cell) for image in images]
        colours = query_colours(maps, chosen)
        self._add_owners(figure, cells, maps, colours)
        self._add_logits(figure, cells, maps, chosen, colours)
        return figure.render()

    def _add_owners(
        self,
        figure: ClipFigure,
        cells: list[np.ndarray],
        maps: QueryMaps,
        colours: dict[int, Colour],
    ) -> None:
        """Whose each pixel is, and how much of the clip is whose; or why nobody's."""
        if maps.owners is None:
            figure.add_facts([maps.no_owners])
            return
        shares = maps.owned_shares()
        owning = shares.argsort(descending=True, stable=True)[: int((shares > 0).sum())].tolist()
        entries = [(f'{query}: {percent(shares[query])}', colours[query]) for query in owning]
        title = f'{len(owning)} of {maps.num_queries} queries own pixels'
        figure.add_title(title, entries[:LEGEND_ENTRIES])
        if len(owning) > LEGEND_ENTRIES:
            rest = float(shares[owning[LEGEND_ENTRIES:]].sum())
            figure.add_facts([f'{len(owning) - LEGEND_ENTRIES} others: {percent(rest)}'])
        drawn = [
            paint_owners(cell, owners, colours)
            for cell, owners in zip(cells, maps.owners.numpy().astype(np.int16))
        ]
        figure.add_row('Pixels of\nqueries', drawn, [None] * len(drawn))

    def _add_logits(
        self,
        figure: ClipFigure,
        cells: list[np.ndarray],
        maps: QueryMaps,
        chosen: Sequence[int],
        colours: dict[int, Colour],
    ) -> None:
        """A row of mask logits for each chosen query."""
        if not chosen:
            figure.add_facts(['no query is shown: all of their masks are empty'])
            return
        logits = maps.logits_of(chosen).numpy()
        low, high = logit_limits(logits)
        legend = [(f'{low:.2g} and below', BELOW), (f'{high:.2g} and above', ABOVE)]
        if maps.matched is not None:
            found = set(maps.matched[:, list(chosen)].unique().tolist())
            legend += [
                (f'matched: {self._class_name(label)}', self.palette[label])
                for label in sorted(found - {maps.num_classes})
            ]
        figure.add_title(f'Mask logits of {len(chosen)} of {maps.num_queries} queries', legend)
        shares = maps.owned_shares()
        for position, query in enumerate(chosen):
            label = f'Query {query}'
            if maps.owners is not None:
                label += f'\nowns {percent(shares[query])}'
            drawn = []
            for cell, logit in zip(cells, logits[:, position]):
                logit = cv2.resize(logit, figure.cell)
                levels = logit / np.where(logit > 0, high, -low)
                # Opacity 0: only the outline is drawn.
                edge = [BLACK, colours[query]]
                drawn.append(overlay_labels(overlay_signed(cell, levels), logit > 0, edge, 0))
            figure.add_times(*zip(*self._captions(maps, query)))
            figure.add_row(label, drawn, [None] * len(drawn), colours[query])

    def _captions(self, maps: QueryMaps, query: int) -> Iterator[tuple[str, Colour, Colour | None]]:
        """Over each map: the most probable class, on the colour of the class it is matched to."""
        for frame, (*probs, nothing) in enumerate(maps.probs[:, query].tolist()):
            label = int(np.argmax(probs))
            text = f'{self._class_name(label)} {probs[label]:.2f}'
            match = maps.num_classes if maps.matched is None else int(maps.matched[frame, query])
            if match == maps.num_classes:
                yield text, BLACK if probs[label] >= nothing else GREY, None
                continue
            colour = tuple(self.palette[match])
            yield text, BLACK if np.dot(colour, LUMINANCE) > 140 else WHITE, colour

    def _class_name(self, label: int) -> str:
        return self.classes[label] if label < len(self.classes) else f'class {label}'


def query_colours(maps: QueryMaps, chosen: Sequence[int]) -> dict[int, Colour]:
    """A colour for each query that is drawn; those that own most get those best told apart."""
    shares = maps.owned_shares()
    owning = shares.argsort(descending=True, stable=True)[: int((shares > 0).sum())].tolist()
    drawn = list(dict.fromkeys([*owning, *chosen]))
    return dict(zip(drawn, distinct_colours(len(drawn))))


def logit_limits(logits: np.ndarray) -> tuple[float, float]:
    """The logits that have the full colours: the 99th percentile on either side of 0, at most 10.

    Beyond 10 nothing happens to the probability of a pixel, and weak maps would be hard to see.

    Args:
        logits (ndarray): Of any shape.

    Returns:
        tuple[float, float]: Below and above 0; -1 or 1 where there are no logits on that side.
    """
    below, above = logits[logits < 0], logits[logits > 0]
    low = float(np.percentile(below, 1)) if below.size else -1.0
    high = float(np.percentile(above, 99)) if above.size else 1.0
    return max(low, -MOST_LOGIT), min(high, MOST_LOGIT)


def percent(share: float) -> str:
    """A share in whole percent, in which little is told from nothing."""
    return '<1%' if 0 < share < 0.01 else f'{share:.0%}'


def paint_owners(image: np.ndarray, owners: np.ndarray, colours: dict[int, Colour]) -> np.ndarray:
    """Paint pixels in the colours of their queries, with a line between these and their numbers.

    Args:
        image (ndarray): (H, W, 3) uint8 RGB.
        owners (ndarray): (h, w) int16, the query of each pixel; resized to the picture.
        colours (dict): RGB of each query that occurs.

    Returns:
        ndarray: A new picture.
    """
    owners = cv2.resize(owners, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    painted = image.mean(2, keepdims=True) * 0.35 + np.zeros(3)
    spots = []
    for query in np.unique(owners).tolist():
        region = owners == query
        painted[region] += 0.65 * np.array(colours[query])
        # One pixel of nothing around, since the picture's edge bounds a region too.
        inside = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 3)
        row, column = np.unravel_index(inside.argmax(), inside.shape)
        if inside.max() >= LEAST_RADIUS:
            spots.append((str(query), (float(column - 1), float(row - 1))))
    border = np.zeros(owners.shape, dtype=bool)
    border[1:] |= owners[1:] != owners[:-1]
    border[:, 1:] |= owners[:, 1:] != owners[:, :-1]
    painted[border] = painted[border] * 0.2 + 204
    painted = painted.astype(np.uint8)
    for text, spot in spots:
        draw_text(painted, text, spot, SMALL, backdrop=WHITE)
    return painted

# Copyright (c) mmavs developers. All rights reserved.
"""Maps that heads leave in ``MaskOutputs.aux``, a row of them a clip, ready to be drawn.

One function a kind turns the outputs of one clip of T frames into rows. A kind of your own is such
a function and a line in ``MAP_READERS``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmavs.structures import MaskOutputs


@dataclass
class MapRow:
    """One map a frame.

    Attributes:
        label (str): What stands at the left of the row.
        values (Tensor): (T, h, w): floating levels, or int64 numbers of groups.
        limits (tuple[float, float], optional): Levels at the two ends of the colours. Defaults to
            None: the smallest and the largest of the row.
    """

    label: str
    values: Tensor
    limits: tuple[float, float] | None = None

    @property
    def is_labels(self) -> bool:
        """Whether the values are numbers of groups."""
        return not self.values.is_floating_point()

    def at_size(self, padded_size: Sequence[int], frame_size: Sequence[int]) -> 'MapRow':
        """The row at the size of the frames.

        Args:
            padded_size (Sequence[int]): Height and width of the padded input, which (h, w) covers.
            frame_size (Sequence[int]): Of the frames, at its top left.

        Returns:
            MapRow: Levels bilinear, groups nearest; on the CPU.
        """
        values = self.values.detach()[:, None]
        if self.is_labels:
            whole = F.interpolate(values.float(), tuple(padded_size)).long()
        else:
            size = tuple(padded_size)
            whole = F.interpolate(values.float(), size, mode='bilinear', align_corners=False)
        height, width = frame_size
        return MapRow(self.label, whole[:, 0, :height, :width].cpu(), self.limits)


class MapReader(NamedTuple):
    """How a kind of maps is read.

    Attributes:
        read (Callable): :class:`MaskOutputs` of one clip to the rows.
        key (str): What it needs of ``aux``.
        title (str): What stands over the rows.
        needs (str): Which models have it, for the error.
    """

    read: Callable[[MaskOutputs], list[MapRow]]
    key: str
    title: str
    needs: str


def read_maps(outputs: MaskOutputs, kind: str) -> list[MapRow]:
    """The rows of one kind.

    Args:
        outputs (MaskOutputs): Of one clip of T frames, all valid.
        kind (str): Key of :data:`MAP_READERS`.

    Returns:
        list[MapRow]: At the sizes of the maps.

    Raises:
        ValueError: If the kind is unknown, or the head gives no such maps.
    """
    if kind not in MAP_READERS:
        raise ValueError(f'There are maps of the kinds {sorted(MAP_READERS)}, got {kind!r}.')
    reader = MAP_READERS[kind]
    found: Any = outputs.aux.get(reader.key)
    if found is None or (isinstance(found, (list, tuple)) and not found):
        raise ValueError(
            f'The head gives no "{reader.key}" in its aux, so there is no {kind} to draw; it gives '
            f'{sorted(outputs.aux)}. Take {reader.needs}.'
        )
    return reader.read(outputs)


def read_uncertainty(outputs: MaskOutputs) -> list[MapRow]:
    """Uncertainty in [0, 1] (RAVS, sheet section 6): of the predicted class, and the mean of all.

    Args:
        outputs (MaskOutputs): With ``aux['uncertainty']`` (T, K, h, w) and, for the first row,
            ``logits`` (T, K, H, W).

    Returns:
        list[MapRow]: One row if K is 1 or the logits are not of these classes, else two.
    """
    uncertainty, logits = outputs.aux['uncertainty'].float(), outputs.logits
    if uncertainty.shape[1] == 1:
        return [MapRow('Uncer-\ntainty', uncertainty[:, 0], (0.0, 1.0))]
    rows = [MapRow('Mean of\nclasses', uncertainty.mean(1), (0.0, 1.0))]
    if logits is not None and logits.shape[1] == uncertainty.shape[1]:
        size = uncertainty.shape[-2:]
        logits = F.interpolate(logits.float(), size, mode='bilinear', align_corners=False)
        predicted = uncertainty.gather(1, logits.argmax(1, keepdim=True))[:, 0]
        rows.insert(0, MapRow('Predicted\nclass', predicted, (0.0, 1.0)))
    return rows


def read_relevance(outputs: MaskOutputs) -> list[MapRow]:
    """How much each token has to do with the sound, a row a stage (RAVS, sheet section 3).

    Args:
        outputs (MaskOutputs): With ``aux['merges']``, one ``SemanticMerge`` a stage, whose
            ``relevance`` is (T, h, w), of any range.
    """
    merges = outputs.aux['merges']
    return [MapRow(f'Merge {i}', merge.relevance) for i, merge in enumerate(merges, start=1)]


def read_groups(outputs: MaskOutputs) -> list[MapRow]:
    """Which group each token is in, a row a stage; each frame has groups of its own.

    Args:
        outputs (MaskOutputs): With ``aux['merges']``, one ``SemanticMerge`` a stage, whose
            ``assignment`` is (T, h, w) int64.
    """
    return [
        MapRow(f'Merge {i}\n{merge.groups.shape[1]} groups', merge.assignment)
        for i, merge in enumerate(outputs.aux['merges'], start=1)
    ]


def read_attention(outputs: MaskOutputs) -> list[MapRow]:
    """What the queries look at (AQFormer): each at its own frame, then each at all frames.

    Args:
        outputs (MaskOutputs): With ``aux['query_attention']`` (T, T, h, w): row of a frame, then
            query.
    """
    attention = outputs.aux['query_attention']
    rows = [MapRow('Own\nframe', _own(attention))]
    return rows + [MapRow(f'Query {t}', attention[:, t]) for t in range(attention.shape[1])]


def read_bridge(outputs: MaskOutputs) -> list[MapRow]:
    """Where the audio bridge gathers, two rows a scale (AQFormer, ``S_pq``).

    Args:
        outputs (MaskOutputs): With ``aux['bridge_attention']``, one (T, T, h, w) a scale: row of a
            frame, then sound.

    Returns:
        list[MapRow]: By the sound of each frame itself, and the mean over the sounds of all.
    """
    rows = []
    for scale in outputs.aux['bridge_attention']:
        size = 'x'.join(map(str, scale.shape[-2:]))
        rows.append(MapRow(f'Own sound\n{size}', _own(scale)))
        rows.append(MapRow(f'All sounds\n{size}', scale.mean(1)))
    return rows


def _own(pairs: Tensor) -> Tensor:
    """(T, T, h, w) -> (T, h, w), those of a frame with itself.

    Raises:
        ValueError: If the two are not of the same clip.
    """
    if pairs.shape[0] != pairs.shape[1]:
        raise ValueError(
            f'Maps of {pairs.shape[0]} frames by {pairs.shape[1]}: expected those of one whole '
            'clip without padding.'
        )
    frames = torch.arange(len(pairs), device=pairs.device)
    return pairs[frames, frames]


_RAVS = 'a model with model.fusion, as in configs/ravs'
_AQFORMER = 'a head with the attribute record_attention, as in configs/aqformer'
MAP_READERS = {
    'uncertainty': MapReader(
        read_uncertainty,
        'uncertainty',
        'Uncertainty',
        'a head with uncertainty, as in configs/ravs',
    ),
    'relevance': MapReader(read_relevance, 'merges', 'Relevance to the sound', _RAVS),
    'groups': MapReader(read_groups, 'merges', 'Groups of tokens, of each frame by itself', _RAVS),
    'attention': MapReader(
        read_attention, 'query_attention', 'Attention of the audio queries', _AQFORMER
    ),
    'bridge': MapReader(
        read_bridge, 'bridge_attention', 'Attention of the audio bridge', _AQFORMER
    ),
}
"""dict[str, MapReader]: By what a user calls it."""

# Copyright (c) mmavs developers. All rights reserved.
"""What the queries of a head say about one clip, ready to be drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmavs.structures import MaskOutputs

ORDERS = ('score', 'even')


@dataclass
class QueryMaps:
    """Classes, masks and pixels of the Q queries in the T frames of a clip.

    Attributes:
        probs (Tensor): (T, Q, K+1) float32 probabilities of the classes, the last one of «no
            object».
        logits (Tensor): (T, Q, h, w) float32 mask logits, those of padding included.
        padded_size (tuple[int, int]): Height and width of the padded input, which (h, w) covers.
        frame_size (tuple[int, int]): Height and width of the frames, at its top left.
        owners (Tensor, optional): (T, H, W) int64, the query that owns each pixel of the frames.
        matched (Tensor, optional): (T, Q) int64, the class of the ground truth that each query
            was matched to, K where to none.
        no_owners (str): Why there are no owners; empty if there are.
    """

    probs: Tensor
    logits: Tensor
    padded_size: tuple[int, int]
    frame_size: tuple[int, int]
    owners: Tensor | None = None
    matched: Tensor | None = None
    no_owners: str = ''

    @classmethod
    def from_outputs(
        cls,
        outputs: MaskOutputs,
        padded_size: Sequence[int],
        frame_size: Sequence[int],
        matched: Tensor | None = None,
    ) -> 'QueryMaps':
        """Take the last prediction of a head, and which pixels its query generator gave to whom.

        Args:
            outputs (MaskOutputs): Of one clip of T frames, all valid, from a query head.
            padded_size (Sequence[int]): Height and width of the padded input.
            frame_size (Sequence[int]): Of the frames in it.
            matched (Tensor, optional): See the attribute. Defaults to None.

        Raises:
            ValueError: If the outputs are not masks of queries.
        """
        if not outputs.cls_scores:
            raise ValueError('The head gives no cls_scores, so it has no queries to draw.')
        padded_size, frame_size = tuple(padded_size), tuple(frame_size)
        owners, no_owners = None, ''
        assignment = outputs.aux.get('query_assignment')
        if assignment is None:
            no_owners = 'no pixels of queries: these queries are not made of pixels'
        elif not _is_hard(assignment):
            no_owners = 'no pixels of queries: each pixel is shared by all of them (soft grouping)'
        else:
            grid = assignment.argmax(1).unflatten(-1, outputs.aux['mask_feature'].shape[-2:])
            whole = F.interpolate(grid[:, None].float(), padded_size)[:, 0]  # nearest
            owners = whole[:, : frame_size[0], : frame_size[1]].long().cpu()
        return cls(
            probs=outputs.cls_scores[-1].float().softmax(-1).cpu(),
            logits=outputs.mask_logits[-1].float().cpu(),
            padded_size=padded_size,
            frame_size=frame_size,
            owners=owners,
            matched=None if matched is None else matched.cpu(),
            no_owners=no_owners,
        )

    @property
    def num_queries(self) -> int:
        """Q."""
        return self.probs.shape[1]

    @property
    def num_classes(self) -> int:
        """K."""
        return self.probs.shape[2] - 1

    def choose(self, count: int, order: str = 'score') -> list[int]:
        """Which queries to show.

        Args:
            count (int): At most so many.
            order (str): ``'score'``: those with the highest probability of any class in any frame,
                the highest first. ``'even'``: evenly spaced by number among those whose mask is
                not empty in all frames. The paper takes every fifth query, drops those with a
                blank map, and draws 8 of the rest (VCT, section 4.5). Defaults to 'score'.

        Returns:
            list[int]: Fewer than ``count`` if there are no more.

        Raises:
            ValueError: If ``count`` is not positive or ``order`` is unknown.
        """
        if count < 1:
            raise ValueError(f'At least 1 query must be shown, got {count}.')
        if order not in ORDERS:
            raise ValueError(f'order must be one of {ORDERS}, got {order!r}.')
        if order == 'score':
            best = self.probs[..., :-1].amax((0, 2))
            return best.argsort(descending=True, stable=True)[:count].tolist()
        seen = (self.logits_of(range(self.num_queries)) > 0).any(0).any(-1).any(-1)
        candidates = seen.nonzero().flatten().tolist()
        spots = np.linspace(0, len(candidates) - 1, min(count, len(candidates)))
        return [candidates[round(spot)] for spot in spots]

    def owned_shares(self) -> Tensor:
        """(Q,) share of the pixels of all frames that each query owns; zeros without owners."""
        if self.owners is None:
            return torch.zeros(self.num_queries)
        return self.owners.flatten().bincount(minlength=self.num_queries) / self.owners.numel()

    def logits_of(self, queries: Sequence[int]) -> Tensor:
        """Mask logits (T, n, H, W) of these queries at the size of the frames."""
        height, width = self.frame_size
        chosen = self.logits[:, list(queries)]
        whole = F.interpolate(chosen, self.padded_size, mode='bilinear', align_corners=False)
        return whole[..., :height, :width]


def _is_hard(assignment: Tensor) -> bool:
    """Whether each pixel is of one query: (T, Q, h*w) of zeros and one 1 a pixel."""
    rounded = assignment.round()
    return bool((rounded.sum(1) == 1).all()) and torch.allclose(assignment, rounded, atol=1e-4)

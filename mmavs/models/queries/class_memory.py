# Copyright (c) mmavs developers. All rights reserved.
"""The newest queries of each class, the same on all processes."""

import torch
from torch import Tensor, nn

from mmavs.utils.gathering import gather_rows


class ClassMemory(nn.Module):
    """CPM's «external memory bank»: a queue of matched queries for each class, and for «no object».

    Queries of all processes are gathered before anything is chosen or written, and what is chosen
    by chance is decided by ``seed`` and the number of the step. So all processes hold the same, and
    what one would hold that had seen all images.

    Args:
        num_classes (int): K; class K is «no object».
        embed_dims (int): D.
        size (int): S, queries kept of each class. Defaults to 512.
        unmatched_per_image (int): Queries without object kept of an image. Defaults to 8.
        seed (int): Decides which. Defaults to 0.

    Attributes:
        queries (Tensor): (K+1, S, D); each new one takes the place of the oldest.
        enqueued (Tensor): (K+1,) int64, how many were ever put there.
        fresh (Tensor): (K+1,) bool, classes that got some since :meth:`take_fresh`.
        steps (Tensor): int64, calls of :meth:`enqueue`.
    """

    queries: Tensor
    enqueued: Tensor
    fresh: Tensor
    steps: Tensor

    def __init__(
        self,
        num_classes: int,
        embed_dims: int,
        size: int = 512,
        unmatched_per_image: int = 8,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.size = size
        self.unmatched_per_image = unmatched_per_image
        self.seed = seed
        self.register_buffer('queries', torch.zeros(num_classes + 1, size, embed_dims))
        self.register_buffer('enqueued', torch.zeros(num_classes + 1, dtype=torch.int64))
        self.register_buffer('fresh', torch.zeros(num_classes + 1, dtype=torch.bool))
        self.register_buffer('steps', torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def enqueue(self, g: Tensor, labels: Tensor) -> None:
        """Keep the queries of all processes that stand for something, and some that do not.

        Every process must call it, also one that has no image.

        Args:
            g (Tensor): (V, Q, D) queries.
            labels (Tensor): (V, Q) int64, the matched class of each, K of «no object».

        Raises:
            ValueError: If shapes do not fit, or a label is not one of 0 to K.
        """
        embed_dims = self.queries.shape[-1]
        if labels.ndim != 2 or g.shape != (*labels.shape, embed_dims):
            raise ValueError(
                f'Expected queries (V, Q, {embed_dims}) and labels (V, Q), got {tuple(g.shape)} '
                f'and {tuple(labels.shape)}.'
            )
        g, labels = gather_rows(g.to(self.queries.dtype)), gather_rows(labels)
        if labels.numel() and (labels.min() < 0 or labels.max() > self.num_classes):
            raise ValueError(
                f'Labels of queries are 0 to {self.num_classes}, got {int(labels.min())} to '
                f'{int(labels.max())}: num_classes of the mixture must be that of the head.'
            )
        chosen = self._choose(labels)
        self._write(g[chosen], labels[chosen])
        self.steps += 1

    def take_fresh(self, min_samples: int) -> Tensor:
        """Classes (c,) int64 that got queries since the last call and hold at least so many."""
        classes = (self.fresh & (self.enqueued >= min_samples)).nonzero().flatten()
        self.fresh.zero_()
        return classes

    def of_classes(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (c, S, D) of classes (c,), and which places are taken, (c, S) bool."""
        places = torch.arange(self.size, device=classes.device)
        return self.queries[classes], places < self.enqueued[classes, None]

    def _choose(self, labels: Tensor) -> Tensor:
        """(V, Q) bool: matched queries, and a few of the others of each image."""
        unmatched = labels == self.num_classes
        generator = torch.Generator().manual_seed(self.seed + int(self.steps))
        order = torch.rand(labels.shape, generator=generator).to(labels.device)
        # The place of each query among those of its image, those without object first.
        place = order.masked_fill(~unmatched, torch.inf).argsort(-1).argsort(-1)
        return ~unmatched | (place < self.unmatched_per_image)

    def _write(self, g: Tensor, labels: Tensor) -> None:
        """Put queries (n, D) into the memories of their classes (n,), over the oldest ones."""
        counts = torch.bincount(labels, minlength=self.num_classes + 1)
        order = labels.argsort(stable=True)
        g, labels = g[order], labels[order]
        first = counts.cumsum(0) - counts
        number = torch.arange(len(labels), device=labels.device) - first[labels]
        # Of more queries than a memory holds, the newest; no place is written twice.
        kept = number >= counts[labels] - self.size
        g, labels, number = g[kept], labels[kept], number[kept]
        self.queries[labels, (self.enqueued[labels] + number) % self.size] = g
        self.enqueued += counts
        self.fresh |= counts > 0

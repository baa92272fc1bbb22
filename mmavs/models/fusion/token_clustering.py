# Copyright (c) mmavs developers. All rights reserved.
"""Groups of tokens: density-peaks clustering on the k nearest neighbours, and their merge."""

from typing import NamedTuple

import torch
from torch import Tensor

DENSITIES = ('tcformer', 'paper')
ASSIGNMENTS = ('nearest', 'parent')
MAX_DISTANCES = 2**22
"""int: Frames are taken together as long as they have no more pairs of tokens than this."""


class TokenGroups(NamedTuple):
    """What :func:`cluster_dpc_knn` gives, group p being that of the p-th best centre.

    Attributes:
        assignment (Tensor): (M, N) int64, the group of each token.
        centres (Tensor): (M, P) int64, the token that is the centre of each group.
        scores (Tensor): (M, P), density times distance of the centres, descending.
        density (Tensor): (M, N).
    """

    assignment: Tensor
    centres: Tensor
    scores: Tensor
    density: Tensor


@torch.no_grad()
def cluster_dpc_knn(
    tokens: Tensor,
    num_groups: int,
    num_neighbours: int = 5,
    density: str = 'tcformer',
    assign: str = 'nearest',
    noise: float = 0.0,
    mask: Tensor | None = None,
    chunk: int | None = None,
) -> TokenGroups:
    """DPC-KNN (RAVS eq. 3 and 4; sheet section 2), in float32 and without gradient.

    Centres are the tokens that are dense and far from any denser one. The default is the routine of
    TCFormer, which RAVS cites. Eq. 4 of RAVS makes the densest token the only root, which read
    literally is one group; the paper's own density and chains of parents are to be had with these
    centres as roots.

    Of tokens of equal density the first counts as the denser (officially, random noise decides), so
    that equal tokens do not all become centres and nothing depends on chance.

    Args:
        tokens (Tensor): (M, N, D).
        num_groups (int): P.
        num_neighbours (int): k. Defaults to 5.
        density (str): ``'tcformer'``: exp of minus the mean of the squared distances, over sqrt(D),
            to the k nearest, the token itself included. ``'paper'``: sum of exp(-distance) over the
            k nearest others. Defaults to 'tcformer'.
        assign (str): ``'nearest'``: to the nearest centre. ``'parent'``: to the group of the
            nearest denser token. Defaults to 'nearest'.
        noise (float): Uniform noise up to this is added to the density, officially 1e-6. Defaults
            to 0.
        mask (Tensor, optional): (M, N) bool, False on tokens that are padding: of density 0,
            farthest from all, in group 0. At least P tokens of a row have to be true. Defaults to
            None.
        chunk (int, optional): Rows that are taken together, which decides the memory: N x N
            distances each. Defaults to None: as many as :data:`MAX_DISTANCES` allows.

    Returns:
        TokenGroups: Every group has a token, its centre at least.

    Raises:
        ValueError: If there are fewer tokens than groups, or a name is unknown.
    """
    rows, number = tokens.shape[:2]
    for name, value, allowed in (('density', density, DENSITIES), ('assign', assign, ASSIGNMENTS)):
        if value not in allowed:
            raise ValueError(f'clustering.{name} must be one of {allowed}, got {value!r}.')
    if not 0 < num_groups <= number:
        raise ValueError(
            f'{number} tokens cannot be in {num_groups} groups: lower num_groups for this stage, '
            'or take larger frames.'
        )
    chunk = chunk or max(1, MAX_DISTANCES // number**2)
    parts = []
    with torch.autocast(tokens.device.type, enabled=False):
        if tokens.dtype != torch.float64:
            tokens = tokens.float()
        # distances stay the same, and their rounding errors no longer grow with what is common
        tokens = tokens - tokens.mean(1, keepdim=True)
        for start in range(0, max(rows, 1), chunk):
            part = slice(start, start + chunk)
            some, valid = tokens[part], None if mask is None else mask[part]
            distances, farthest = _all_distances(some, valid)
            dense = _density(distances, num_neighbours, density, tokens.shape[2])
            dense = dense + noise * torch.rand_like(dense) if noise else dense
            nearest, parents = _denser(distances, dense, farthest, valid, assign == 'parent')
            peaks = _find_peaks(nearest, parents, dense, valid, num_groups)
            assignment = _nearest(some, peaks) if parents is None else _follow_parents(peaks)
            parts.append(_finish(assignment, peaks, dense, valid))
    return TokenGroups(*map(torch.cat, zip(*parts)))


class _Peaks(NamedTuple):
    """Centres (m, P) with their scores, and if wanted the parents (m, N), nearest denser tokens."""

    centres: Tensor
    scores: Tensor
    parents: Tensor | None


def _squared_distances(queries: Tensor, tokens: Tensor) -> Tensor:
    """Over D, of (m, P, D) and (m, N, D): (m, P, N)."""
    dims = tokens.shape[2]
    norms = tokens.square().sum(-1) / dims
    own = queries.square().sum(-1, keepdim=True) / dims
    return torch.baddbmm(norms[:, None], queries, tokens.mT, alpha=-2 / dims).add_(own).clamp_(0)


def _all_distances(tokens: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Squared distances (m, N, N), padding moved away in the columns, and the largest, (m, 1)."""
    distances = _squared_distances(tokens, tokens)
    distances.diagonal(dim1=1, dim2=2).zero_()
    if valid is None:
        return distances, distances.flatten(1).amax(1, keepdim=True)
    distances.masked_fill_(~valid[:, None], 0)
    farthest = distances.amax(2).masked_fill(~valid, 0).amax(1, keepdim=True)
    beyond = (farthest.sqrt() + 1).square()[..., None]
    return distances.addcmul_((~valid[:, None]).to(beyond.dtype), beyond), farthest


def _density(distances: Tensor, num_neighbours: int, kind: str, dims: int) -> Tensor:
    """(m, N)."""
    alone = int(kind == 'paper')
    k = min(num_neighbours + alone, distances.shape[-1])
    nearest = distances.topk(k, largest=False).values  # the token itself is the first
    if kind == 'tcformer':
        return nearest.mean(-1).neg().exp()
    return (nearest[..., 1:] * dims).sqrt().neg().exp().sum(-1)


def _by_density(density: Tensor, valid: Tensor | None) -> Tensor:
    """Tokens from the densest on, (m, N); padding is last."""
    ranked = density if valid is None else density.masked_fill(~valid, -1)
    return ranked.argsort(descending=True, stable=True)


def _denser(
    distances: Tensor,
    density: Tensor,
    farthest: Tensor,
    valid: Tensor | None,
    with_parents: bool,
) -> tuple[Tensor, Tensor | None]:
    """Squared distance to the nearest denser token, and which that is; overwrites distances."""
    order = _by_density(density, valid)
    places = torch.arange(density.shape[1], device=density.device).expand_as(order)
    rank = torch.empty_like(order).scatter_(1, order, places).to(torch.int32)
    distances.masked_fill_(rank[:, None] >= rank[..., None], torch.inf)
    densest, parents = order[:, :1], None
    if with_parents:
        nearest, parents = distances.min(-1)
        parents.scatter_(1, densest, densest)
    else:
        nearest = distances.amin(-1)
    return nearest.scatter_(1, densest, farthest), parents


def _find_peaks(
    nearest: Tensor, parents: Tensor | None, density: Tensor, valid: Tensor | None, num_groups: int
) -> _Peaks:
    """The tokens of the largest density times distance to a denser one."""
    scores = density * nearest.sqrt()
    # the densest is the first by its score, but for maps whose tokens are all alike
    ranked = scores if valid is None else scores.masked_fill(~valid, -1)
    densest = _by_density(density, valid)[:, :1]
    centres = ranked.scatter(1, densest, torch.inf).argsort(descending=True, stable=True)
    centres = centres[:, :num_groups]
    return _Peaks(centres, scores.gather(1, centres), parents)


def _nearest(tokens: Tensor, peaks: _Peaks) -> Tensor:
    """The nearest centre of each token, (m, N)."""
    centres = torch.take_along_dim(tokens, peaks.centres[..., None], 1)
    return _squared_distances(centres, tokens).argmin(1)


def _follow_parents(peaks: _Peaks) -> Tensor:
    """The first centre on the way from each token to ever denser ones, (m, N)."""
    centres = peaks.centres
    ancestors = peaks.parents.scatter(1, centres, centres)
    for _ in range(int(ancestors.shape[1]).bit_length()):
        ancestors = ancestors.gather(1, ancestors)
    return _numbered(torch.zeros_like(ancestors), centres).gather(1, ancestors)


def _numbered(assignment: Tensor, centres: Tensor) -> Tensor:
    """The assignment with every centre in its own group."""
    numbers = torch.arange(centres.shape[1], device=centres.device).expand_as(centres)
    return assignment.scatter(1, centres, numbers)


def _finish(
    assignment: Tensor, peaks: _Peaks, density: Tensor, valid: Tensor | None
) -> TokenGroups:
    """Padding in group 0 and of density 0, centres in their own groups."""
    if valid is not None:
        assignment = assignment.masked_fill(~valid, 0)
        density = density * valid
    return TokenGroups(_numbered(assignment, peaks.centres), peaks.centres, peaks.scores, density)


def merge_groups(tokens: Tensor, scores: Tensor, assignment: Tensor, num_groups: int) -> Tensor:
    """Mean of the tokens of each group, weighted by the softmax of their scores in it: RAVS eq. 6.

    Summed in float32 whatever the autocast.

    Args:
        tokens (Tensor): (M, N, D).
        scores (Tensor): (M, N). Gradients go to tokens and scores.
        assignment (Tensor): (M, N) int64, the group of each token. No group may be empty.
        num_groups (int): P.

    Returns:
        Tensor: (M, P, D), of the dtype of the tokens.
    """
    numbers = torch.arange(num_groups, device=assignment.device)
    strangers = assignment[:, None] != numbers[:, None]
    with torch.autocast(tokens.device.type, enabled=False):
        scores = scores if scores.dtype == torch.float64 else scores.float()
        # P x N weights are few, and unlike sums by scatter_add always added in the same order
        weights = scores[:, None].masked_fill(strangers, -torch.inf).softmax(-1)
        return (weights @ tokens.to(weights.dtype)).to(tokens.dtype)

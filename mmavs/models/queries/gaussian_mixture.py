# Copyright (c) mmavs developers. All rights reserved.
"""Gaussian mixtures as pure functions: densities, the two steps of EM, and where to begin.

Samples (..., n, D), components (..., M, D) with a variance for each channel; leading axes are
classes that have a mixture each. Everything is computed in float64: a log density of 256 channels
is a small difference of large sums, and a matrix product in TF32 would lose it.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .sinkhorn import sinkhorn

E_STEPS = ('sinkhorn', 'soft', 'hard')
SMALLEST_MASS = 1e-6
"""float: A component that takes less of the samples than this has nothing to be estimated from."""


class Gaussians(NamedTuple):
    """Components of mixtures.

    Attributes:
        means (Tensor): (..., M, D).
        variances (Tensor): (..., M, D).
        weights (Tensor): (..., M), sum to 1.
    """

    means: Tensor
    variances: Tensor
    weights: Tensor


def component_log_density(samples: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """``log N(sample; mean, diag(variance))`` of all pairs.

    Args:
        samples (Tensor): (..., n, D).
        means (Tensor): (..., M, D).
        variances (Tensor): (..., M, D).

    Returns:
        Tensor: (..., n, M) float64.
    """
    samples, means, variances = samples.double(), means.double(), variances.double()
    precision = variances.reciprocal()
    constant = (means.square() * precision + variances.log()).sum(-1)
    constant = constant + means.shape[-1] * math.log(2 * math.pi)
    squares = samples.square() @ precision.mT - 2 * samples @ (means * precision).mT
    return -0.5 * (squares + constant.unsqueeze(-2))


def responsibilities(
    samples: Tensor, mixture: Gaussians, valid: Tensor, e_step: str, num_iters: int = 3
) -> Tensor:
    """E-step: how much of each sample each component takes (CPM, eq. 3; sheet cpm.md, 4.3).

    Eq. 3 alone starves components: at 256 channels log densities differ by tens of nats, so of a
    component that begins with an outlier no other sample becomes a part. Sinkhorn hands out the
    samples in nearly equal parts.

    Args:
        samples (Tensor): (..., n, D).
        mixture (Gaussians): (..., M, D).
        valid (Tensor): (..., n) bool, samples that are there.
        e_step (str): ``'soft'``: eq. 3. ``'hard'``: all of a sample for the component with the
            largest share in Sinkhorn of the log densities, as in GMMSeg. ``'sinkhorn'``: the mean
            of the two.
        num_iters (int): Of Sinkhorn. Defaults to 3.

    Returns:
        Tensor: (..., n, M) float64; rows sum to 1, those of samples that are not there to 0.
    """
    there = valid.unsqueeze(-1)
    scores = component_log_density(samples, mixture.means, mixture.variances)
    soft = (scores + mixture.weights.double().log().unsqueeze(-2)).softmax(-1) * there
    if e_step == 'soft':
        return soft
    scores = scores.masked_fill(~there, 0.0)
    scores = scores / scores.abs().amax((-2, -1), keepdim=True).clamp(min=SMALLEST_MASS)
    best = sinkhorn(scores, valid, num_iters).argmax(-1, keepdim=True)
    hard = torch.zeros_like(scores).scatter_(-1, best, 1.0) * there
    return hard if e_step == 'hard' else (soft + hard) / 2


def variance_about(samples: Tensor, shares: Tensor, centres: Tensor) -> Tensor:
    """Mean square distance of a component's samples from a centre, channel by channel.

    Args:
        samples (Tensor): (..., n, D).
        shares (Tensor): (..., n, M).
        centres (Tensor): (..., M, D).

    Returns:
        Tensor: (..., M, D) float64.
    """
    samples, shares, centres = samples.double(), shares.double(), centres.double()
    mass = shares.sum(-2).clamp(min=SMALLEST_MASS).unsqueeze(-1)
    first, second = shares.mT @ samples / mass, shares.mT @ samples.square() / mass
    return (second - 2 * centres * first + centres.square()).clamp(min=0)


def estimate(samples: Tensor, shares: Tensor, before: Gaussians, smoothing: float) -> Gaussians:
    """M-step (CPM, eq. 4, with |F_c| in the place of |F|: weights have to sum to 1).

    Args:
        samples (Tensor): (..., n, D).
        shares (Tensor): (..., n, M), of the E-step.
        before (Gaussians): Components; one that takes no samples keeps mean and variance.
        smoothing (float): Added to each weight, before they are made to sum to 1.

    Returns:
        Gaussians: float64; variances are about the new means, and as small as they come.
    """
    samples, shares = samples.double(), shares.double()
    mass = shares.sum(-2)
    means = shares.mT @ samples / mass.clamp(min=SMALLEST_MASS).unsqueeze(-1)
    variances = variance_about(samples, shares, means)
    weights = mass / mass.sum(-1, keepdim=True).clamp(min=SMALLEST_MASS) + smoothing
    empty = (mass < SMALLEST_MASS).unsqueeze(-1)
    return Gaussians(
        torch.where(empty, before.means.double(), means),
        torch.where(empty, before.variances.double(), variances),
        weights / weights.sum(-1, keepdim=True),
    )


def far_apart(samples: Tensor, valid: Tensor, num_picks: int) -> Tensor:
    """Samples that lie far from each other: k-means++ without chance.

    The first is the one nearest to the mean, each next the one that is farthest from those picked.

    Args:
        samples (Tensor): (..., n, D).
        valid (Tensor): (..., n) bool, samples that are there, at least one.
        num_picks (int): M.

    Returns:
        Tensor: (..., M, D). If there are fewer samples, some come again.
    """
    share = valid.to(samples.dtype).unsqueeze(-1)
    centre = (samples * share).sum(-2, keepdim=True) / share.sum(-2, keepdim=True)
    distance = (samples - centre).square().sum(-1)
    chosen = distance.masked_fill(~valid, torch.inf).argmin(-1)
    nearest, picks = torch.full_like(distance, torch.inf), []
    for _ in range(num_picks):
        picks.append(samples.take_along_dim(chosen[..., None, None], -2))
        nearest = torch.minimum(nearest, (samples - picks[-1]).square().sum(-1))
        chosen = nearest.masked_fill(~valid, -1.0).argmax(-1)
    return torch.cat(picks, -2)

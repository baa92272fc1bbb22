# Copyright (c) mmavs developers. All rights reserved.
"""Densities, Sinkhorn and EM against GMMSeg, against CPM's equations, and on known mixtures."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmavs.models.queries.gaussian_mixture import (
    Gaussians,
    component_log_density,
    estimate,
    far_apart,
    responsibilities,
    variance_about,
)
from mmavs.models.queries.sinkhorn import sinkhorn
from mmavs.testing import golden_error, load_golden

TOLERANCE = 1e-5


@pytest.fixture
def official():
    arrays, _ = load_golden('gmmseg_ops')
    return arrays, {name: torch.from_numpy(array) for name, array in arrays.items()}


def random_mixture(classes=2, components=3, dims=5, samples=20):
    """Samples, components and which samples are there, in float64."""
    torch.manual_seed(0)
    weights = torch.rand(classes, components).double() + 0.2
    mixture = Gaussians(
        torch.randn(classes, components, dims).double(),
        torch.rand(classes, components, dims).double() + 0.2,
        weights / weights.sum(-1, keepdim=True),
    )
    valid = torch.rand(classes, samples) > 0.3
    return torch.randn(classes, samples, dims).double(), mixture, valid


def test_official_densities(official):
    arrays, golden = official
    means, deviations = golden['mu'], golden['sigma']
    found = component_log_density(
        golden['x'], means.flatten(0, 1), deviations.flatten(0, 1).square()
    )
    assert golden_error(arrays, 'log_prob', found.view(50, 4, 3)) < TOLERANCE


def test_eq_3_of_the_golden(official):
    arrays, golden = official
    mixture = Gaussians(golden['mu'][2], golden['sigma'][2].square(), golden['pi'][2])
    found = responsibilities(golden['x'], mixture, torch.ones(50, dtype=torch.bool), 'soft')
    assert golden_error(arrays, 'resp_class2', found) < TOLERANCE


def test_official_sinkhorn(official):
    arrays, golden = official
    shares = sinkhorn(golden['sinkhorn_in'])
    assert golden_error(arrays, 'sinkhorn_index', shares.argmax(1)) == 0
    assert golden_error(arrays, 'sinkhorn_counts', shares.argmax(1).bincount()) == 0


def test_official_m_step(official):
    """Of the samples that Sinkhorn gives to component 0 of class 2."""
    arrays, golden = official
    shares = F.one_hot(golden['sinkhorn_index'], 3).double()
    before = Gaussians(golden['mu'][2], golden['sigma'][2].square(), golden['pi'][2])
    means = estimate(golden['x'], shares, before, 0.0).means
    direction = F.normalize(means[0], dim=0)
    assert golden_error(arrays, 'mstep_mean_dir', direction) < TOLERANCE
    moved = 0.999 * golden['mu'][2, 0] + 0.001 * direction
    assert golden_error(arrays, 'mstep_mu_after_momentum', moved) < TOLERANCE
    # The new mean is that of the samples, before the momentum.
    spread = variance_about(golden['x'], shares, direction.expand(3, -1))[0]
    assert golden_error(arrays, 'mstep_sigma', (spread + 1e-2).sqrt()) < TOLERANCE


def test_density_is_that_of_torch():
    samples, mixture, _ = random_mixture(dims=256)
    normal = torch.distributions.Normal(mixture.means[:, None], mixture.variances[:, None].sqrt())
    expected = normal.log_prob(samples[:, :, None]).sum(-1)
    found = component_log_density(samples, mixture.means, mixture.variances)
    assert torch.allclose(found, expected, rtol=1e-12)


def test_density_of_float32_is_exact_with_small_variances():
    """Squares of 1e4 standard deviations cancel; in float32 nothing would be left."""
    samples = torch.full((1, 256), 10.0)
    means, variances = torch.full((1, 256), 10.01), torch.full((1, 256), 1e-2)
    offset = (means.double() - samples.double()).square() / variances.double()
    expected = -0.5 * (offset + variances.double().log() + math.log(2 * math.pi)).sum()
    found = component_log_density(samples, means, variances)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def plain_sinkhorn(scores, num_iters, epsilon):
    """As in the official code: exponentials, columns to n/M, rows to 1."""
    shares = torch.exp(scores / epsilon)
    for _ in range(num_iters):
        for column in range(shares.shape[1]):
            shares[:, column] *= len(shares) / shares.shape[1] / shares[:, column].sum()
        for row in range(len(shares)):
            shares[row] /= shares[row].sum()
    return shares


@pytest.mark.parametrize('num_iters', [1, 3, 50])
def test_sinkhorn_is_the_plain_one(num_iters):
    samples, mixture, valid = random_mixture()
    scores = component_log_density(samples, mixture.means, mixture.variances) / 30
    found = sinkhorn(scores, valid, num_iters, 0.05)
    for number in range(2):
        there = valid[number]
        expected = plain_sinkhorn(scores[number, there], num_iters, 0.05)
        assert torch.allclose(found[number, there], expected, rtol=1e-9)
        assert (found[number, ~there] == 0).all()
        if num_iters == 50:
            assert torch.allclose(expected.sum(0), there.sum() / 3.0 + expected.new_zeros(3))


def test_sinkhorn_of_huge_scores_and_of_nothing():
    shares = sinkhorn(torch.tensor([[-1e5, 1e5], [-1e5, 1e5], [-1e5, -1e5]]), None, 3, 0.05)
    assert shares.isfinite().all()
    assert torch.allclose(shares.sum(1), torch.ones(3))
    assert sinkhorn(torch.randn(2, 4, 3), torch.zeros(2, 4, dtype=torch.bool)).sum() == 0
    assert sinkhorn(torch.zeros(0, 3)).shape == (0, 3)


def plain_em_step(samples, mixture, smoothing):
    """Equations 3 and 4 as they are printed, with |F_c| in the place of |F|; one class."""
    means, variances, weights = mixture
    count, components = len(samples), len(weights)
    gamma = torch.zeros(count, components).double()
    for n in range(count):
        for m in range(components):
            density = weights[m].clone()
            for d in range(samples.shape[1]):
                offset = (samples[n, d] - means[m, d]) ** 2 / variances[m, d]
                density *= torch.exp(-offset / 2) / torch.sqrt(2 * math.pi * variances[m, d])
            gamma[n, m] = density
        gamma[n] /= gamma[n].sum()
    new = [torch.zeros_like(x) for x in mixture]
    for m in range(components):
        mass = sum(gamma[n, m] for n in range(count))
        new[0][m] = sum(gamma[n, m] * samples[n] for n in range(count)) / mass
        offsets = [(samples[n] - new[0][m]) ** 2 for n in range(count)]
        new[1][m] = sum(gamma[n, m] * offsets[n] for n in range(count)) / mass
        new[2][m] = mass / count + smoothing
    new[2] /= new[2].sum()
    return gamma, Gaussians(*new)


def test_em_step_is_eq_3_and_4():
    samples, mixture, valid = random_mixture()
    shares = responsibilities(samples, mixture, valid, 'soft')
    after = estimate(samples, shares, mixture, smoothing=1e-3)
    for number in range(2):
        there = valid[number]
        gamma, expected = plain_em_step(
            samples[number, there], Gaussians(*(x[number] for x in mixture)), 1e-3
        )
        assert torch.allclose(shares[number, there], gamma, rtol=1e-9)
        assert (shares[number, ~there] == 0).all()
        for found, wanted in zip(after, expected):
            assert torch.allclose(found[number], wanted, rtol=1e-9)


def test_kinds_of_responsibility():
    samples, mixture, valid = random_mixture()
    soft, hard, mixed = (
        responsibilities(samples, mixture, valid, kind) for kind in ('soft', 'hard', 'sinkhorn')
    )
    assert torch.allclose(mixed, (soft + hard) / 2)
    assert torch.equal(hard.sum(-1), valid.double())
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    # The golden's way of making it: densities by their largest magnitude, then Sinkhorn.
    for number in range(2):
        scores = component_log_density(
            samples[number, valid[number]], mixture.means[number], mixture.variances[number]
        )
        best = plain_sinkhorn(scores / scores.abs().max(), 3, 0.05).argmax(1)
        assert torch.equal(hard[number, valid[number]].argmax(1), best)


def test_sinkhorn_feeds_a_component_that_eq_3_starves():
    """One component sits on an outlier with a small variance: eq. 3 leaves it there alone."""
    torch.manual_seed(0)
    samples = torch.randn(1, 60, 64).double()
    means = torch.stack([samples[0, 1:].mean(0), samples[0, 0]])[None]
    variances = torch.stack([torch.ones(64), torch.full((64,), 1e-2)])[None].double()
    mixture = Gaussians(means, variances, torch.full((1, 2), 0.5).double())
    everything = torch.ones(1, 60, dtype=torch.bool)
    mass = {}
    for kind in ('soft', 'sinkhorn', 'hard'):
        now = mixture
        for _ in range(10):
            now = estimate(samples, responsibilities(samples, now, everything, kind), now, 1e-3)
            now = now._replace(variances=now.variances.clamp(1e-2, 4))
        mass[kind] = now.weights[0, 1].item()
    assert mass['soft'] < 0.03  # 1 of 60
    assert mass['sinkhorn'] > 0.1
    assert mass['hard'] > 0.2


def test_em_never_lowers_the_likelihood():
    torch.manual_seed(1)
    samples = torch.randn(1, 100, 4).double() + 3 * torch.randint(0, 3, (1, 100, 1))
    valid = torch.ones(1, 100, dtype=torch.bool)
    mixture = Gaussians(
        far_apart(samples, valid, 3),
        torch.ones(1, 3, 4).double(),
        torch.full((1, 3), 1 / 3).double(),
    )
    likelihoods = []
    for _ in range(30):
        scores = component_log_density(samples, mixture.means, mixture.variances)
        likelihoods.append((scores + mixture.weights.log()[:, None]).logsumexp(-1).sum().item())
        mixture = estimate(samples, responsibilities(samples, mixture, valid, 'soft'), mixture, 0.0)
    assert all(later >= sooner - 1e-9 for sooner, later in zip(likelihoods, likelihoods[1:]))
    assert likelihoods[-1] > likelihoods[0] + 10


def test_a_component_without_samples_stays():
    samples, mixture, valid = random_mixture()
    shares = responsibilities(samples, mixture, valid, 'soft')
    shares[..., 1] = 0
    after = estimate(samples, shares, mixture, smoothing=1e-3)
    assert torch.equal(after.means[:, 1], mixture.means[:, 1])
    assert torch.equal(after.variances[:, 1], mixture.variances[:, 1])
    assert torch.allclose(after.weights.sum(-1), torch.ones(2).double())
    assert (after.weights[:, 1] > 0).all()


def test_far_apart():
    """Three heaps: one pick of each; of the places that are not taken, none."""
    torch.manual_seed(0)
    heaps = torch.tensor([[0.0, 0], [10, 0], [0, 20]]).repeat_interleave(5, 0)
    samples = torch.cat([heaps + 0.1 * torch.randn(15, 2), torch.full((3, 2), 1e3)])[None]
    valid = torch.arange(18)[None] < 15
    picks = far_apart(samples, valid, 3)[0]
    nearest = torch.cdist(picks, torch.tensor([[0.0, 0], [10, 0], [0, 20]])).argmin(1)
    assert sorted(nearest.tolist()) == [0, 1, 2]
    assert (torch.cdist(picks, samples[0, :15]).min(1).values == 0).all()
    single = far_apart(samples, torch.arange(18)[None] < 1, 3)
    assert torch.equal(single, samples[:, :1].expand(-1, 3, -1))

# Copyright (c) mmavs developers. All rights reserved.
"""DPC-KNN against the official outputs, and against loops written from the sheet."""

import numpy as np
import pytest
import torch

from mmavs.models.fusion.token_clustering import cluster_dpc_knn, merge_groups
from mmavs.testing.goldens import load_golden

ARRAYS, MANIFEST = load_golden('dpc_knn')
CASES = MANIFEST['cases']


def golden(case, key):
    return torch.from_numpy(ARRAYS[f'{case}/{key}'])


def blobs(rows=3, number=60, dims=8, seed=0):
    """Tokens around 6 points of each row, in float32."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(rows, 6, dims, generator=generator)
    tokens = points[:, torch.randint(6, (number,), generator=generator)]
    return tokens + 0.4 * torch.randn(tokens.shape, generator=generator)


def assert_same(found, expected):
    """Groups and centres equal, scores and densities to rounding."""
    assert torch.equal(found.assignment, expected.assignment)
    assert torch.equal(found.centres, expected.centres)
    torch.testing.assert_close(found.scores, expected.scores, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.density, expected.density, rtol=1e-5, atol=1e-6)


def cluster_by_loops(tokens, num_groups, k, density, assign):
    """One row (N, D) of float64, token by token (sheet, section 2)."""
    number, dims = tokens.shape
    distance = np.zeros((number, number))
    for i in range(number):
        for j in range(number):
            distance[i, j] = np.sqrt(((tokens[i] - tokens[j]) ** 2).sum()) / np.sqrt(dims)
    rho = np.zeros(number)
    for i in range(number):
        if density == 'tcformer':
            rho[i] = np.exp(-np.mean(np.sort(distance[i])[:k] ** 2))
        else:
            others = sorted(distance[i, j] * np.sqrt(dims) for j in range(number) if j != i)
            rho[i] = sum(np.exp(-d) for d in others[:k])
    delta, parent = np.zeros(number), np.zeros(number, dtype=int)
    for i in range(number):
        denser = [j for j in range(number) if rho[j] > rho[i] or (rho[j] == rho[i] and j < i)]
        parent[i] = min(denser, key=lambda j: distance[i, j]) if denser else i
        delta[i] = distance[i, parent[i]] if denser else distance.max()
    centres = sorted(range(number), key=lambda i: -rho[i] * delta[i])[:num_groups]
    groups = []
    for i in range(number):
        if assign == 'parent':
            while i not in centres:
                i = parent[i]
        nearest = min(range(num_groups), key=lambda p: distance[i, centres[p]])
        groups.append(centres.index(i) if i in centres else nearest)
    return groups, centres, rho


@pytest.mark.parametrize('case', CASES)
def test_official_outputs(case):
    settings, mask = CASES[case], None
    if case == 'masked':
        mask = golden(case, 'mask') > 0
    groups = cluster_dpc_knn(golden(case, 'x'), settings['P'], settings['k'], mask=mask)
    assert torch.equal(groups.assignment, golden(case, 'idx_cluster'))
    assert torch.equal(groups.centres, golden(case, 'centre_token'))
    scores, density = golden(case, 'centre_score'), golden(case, 'density')
    first = 0
    if mask is not None:
        density = density * mask
        first = 1  # of the densest: officially with the distance of padding, here of a token
    torch.testing.assert_close(groups.scores[:, first:], scores[:, first:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(groups.density, density, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('assign', ['nearest', 'parent'])
@pytest.mark.parametrize('density', ['tcformer', 'paper'])
def test_against_loops(density, assign):
    tokens = blobs().double()
    found = cluster_dpc_knn(tokens, 7, 4, density=density, assign=assign)
    for row, some in enumerate(tokens.numpy()):
        groups, centres, rho = cluster_by_loops(some, 7, 4, density, assign)
        assert found.assignment[row].tolist() == groups
        assert found.centres[row].tolist() == centres
        assert found.density[row].numpy() == pytest.approx(rho, rel=1e-9)


def test_the_switches_change_the_groups():
    tokens = blobs(rows=8)
    found = {
        (density, assign): cluster_dpc_knn(tokens, 7, density=density, assign=assign).assignment
        for density in ('tcformer', 'paper')
        for assign in ('nearest', 'parent')
    }
    values = list(found.values())
    assert not any(torch.equal(a, b) for i, a in enumerate(values) for b in values[:i])


@pytest.mark.parametrize('assign', ['nearest', 'parent'])
def test_batched_is_chunked_is_one_by_one(assign):
    tokens = blobs(rows=7)
    together = cluster_dpc_knn(tokens, 5, assign=assign)
    for chunk in (1, 3, 7):
        assert_same(cluster_dpc_knn(tokens, 5, assign=assign, chunk=chunk), together)
    for row, some in enumerate(tokens):
        alone = cluster_dpc_knn(some[None], 5, assign=assign)
        assert_same(type(together)(*(x[row : row + 1] for x in together)), alone)


@pytest.mark.parametrize('assign', ['nearest', 'parent'])
@pytest.mark.parametrize('density', ['tcformer', 'paper'])
def test_padding_is_as_if_it_were_not_there(density, assign):
    """Padded tokens in different places and numbers, of values that would matter."""
    tokens = blobs(rows=4)
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(4, 60, generator=generator) > torch.tensor([0, 0.2, 0.5, 0.7])[:, None]
    tokens[~mask] *= 50
    settings = dict(density=density, assign=assign)
    found = cluster_dpc_knn(tokens, 5, mask=mask, **settings)
    for row, keep in enumerate(mask):
        alone = cluster_dpc_knn(tokens[row, keep][None], 5, **settings)
        assert torch.equal(found.assignment[row, keep], alone.assignment[0])
        assert torch.equal(found.centres[row], keep.nonzero().flatten()[alone.centres[0]])
        torch.testing.assert_close(found.scores[row], alone.scores[0], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found.density[row, keep], alone.density[0], rtol=1e-4, atol=1e-6)
        assert not found.assignment[row, ~keep].any() and not found.density[row, ~keep].any()


@pytest.mark.parametrize('assign', ['nearest', 'parent'])
def test_equal_tokens(assign):
    """A black border: its tokens are the densest and all alike, yet only one becomes a centre."""
    tokens = blobs(rows=2)
    tokens[:, 30:] = 3.0
    groups = cluster_dpc_knn(tokens, 4, assign=assign)
    assert ((groups.centres >= 30).sum(1) == 1).all()
    assert (groups.assignment[:, 30:] == groups.assignment[:, 30:31]).all()
    constant = cluster_dpc_knn(torch.ones(2, 9, 4), 3, assign=assign)
    assert all(sorted(set(row)) == [0, 1, 2] for row in constant.assignment.tolist())


def test_noise_breaks_ties_only():
    tokens = blobs()
    torch.manual_seed(0)
    noisy, still = cluster_dpc_knn(tokens, 5, noise=1e-6), cluster_dpc_knn(tokens, 5)
    assert torch.equal(noisy.assignment, still.assignment)
    added = noisy.density - still.density
    assert added.min() >= 0 and 2e-7 < added.max() < 1.2e-6


def test_float32_whatever_the_autocast():
    """Also far from the origin, where half precision could not tell the tokens apart."""
    tokens = blobs()
    plain = cluster_dpc_knn(tokens, 5)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = cluster_dpc_knn(tokens, 5)
    assert_same(inside, plain)
    assert torch.equal(cluster_dpc_knn(tokens + 100, 5).assignment, plain.assignment)
    half = cluster_dpc_knn(tokens.bfloat16(), 5)
    assert_same(half, cluster_dpc_knn(tokens.bfloat16().float(), 5))


def test_edges():
    tokens = blobs(number=6)
    every = cluster_dpc_knn(tokens, 6, num_neighbours=50)
    assert all(sorted(row) == list(range(6)) for row in every.assignment.tolist())
    assert cluster_dpc_knn(tokens[:0], 2).assignment.shape == (0, 6)
    grad = blobs().requires_grad_()
    assert not cluster_dpc_knn(grad, 5).density.requires_grad


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(num_groups=61), '60 tokens cannot be in 61 groups: lower num_groups'),
        (dict(num_groups=5, density='gauss'), r"clustering.density must be one of .*'gauss'"),
        (dict(num_groups=5, assign='root'), r"clustering.assign must be one of .*'root'"),
    ],
)
def test_refusals(settings, message):
    with pytest.raises(ValueError, match=message):
        cluster_dpc_knn(blobs(), **settings)


def test_merge_golden():
    tokens, score = golden('rand64', 'x').double(), golden('ravs_merge', 'score').double()
    assignment, expected = golden('rand64', 'idx_cluster'), golden('ravs_merge', 'G')
    torch.testing.assert_close(merge_groups(tokens, score, assignment, 5), expected)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        single = merge_groups(tokens.float(), score.float(), assignment, 5)
    torch.testing.assert_close(single, expected.float())


def test_merge_gradients_and_large_scores():
    tokens = blobs(2, 8, 3).double().requires_grad_()
    score = torch.randn(2, 8, dtype=torch.double, requires_grad=True)
    assignment = torch.tensor([[0, 1, 2, 0, 1, 2, 0, 0], [2, 2, 1, 0, 0, 0, 1, 1]])
    assert torch.autograd.gradcheck(lambda x, s: merge_groups(x, s, assignment, 3), (tokens, score))
    shifted = merge_groups(tokens.float(), score.float() + 500 * assignment, assignment, 3)
    expected = merge_groups(tokens.float(), score.float(), assignment, 3)
    torch.testing.assert_close(shifted, expected, rtol=1e-3, atol=1e-4)

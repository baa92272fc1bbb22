# Copyright (c) mmavs developers. All rights reserved.
import math

import pytest
import torch
import torch.nn.functional as F

from mmavs.models.queries.pixel_grouping import PixelGrouping

FRAMES, QUERIES, DIMS, PIXELS = 2, 6, 8, 20


def make(**kwargs):
    torch.manual_seed(0)
    grouping = PixelGrouping(DIMS, **kwargs).double()
    queries = torch.randn(FRAMES, QUERIES, DIMS, dtype=torch.float64, requires_grad=True)
    pixels = torch.randn(FRAMES, DIMS, PIXELS, dtype=torch.float64, requires_grad=True)
    return grouping, queries, pixels


def literal(grouping, queries, pixels, noise):
    """Equations 6 to 8 with keys and values of every pixel, frame by frame."""
    results = []
    for query, pixel, gumbel in zip(queries, pixels.transpose(1, 2), noise):
        keys, values = grouping.k_proj(pixel), grouping.v_proj(pixel)
        similarity = grouping.scale * grouping.q_proj(query) @ keys.T
        if grouping.hard:
            soft = (similarity + gumbel).softmax(0)
            one_hot = F.one_hot(soft.argmax(0), QUERIES).T
            assignment = one_hot + soft - soft.detach()
            rows = []
            for row, owned in zip(assignment, one_hot.sum(1)):
                # 0 / 0 in the paper's form, where nothing is owned: 0, with a finite gradient
                count = row.sum() + grouping.count_eps if owned or grouping.count_eps else 0.5
                rows.append(row / count)
            share = torch.stack(rows)
        else:
            share = similarity.softmax(1)
        results.append(query + grouping.out_proj(share @ values))
    return torch.stack(results)


@pytest.mark.parametrize('kwargs', [{}, dict(scale=1.0, count_eps=0.0), dict(hard=False)])
def test_cheap_form_equals_the_equations_with_gradients(kwargs, monkeypatch):
    grouping, queries, pixels = make(**kwargs)
    noise = -torch.rand(FRAMES, QUERIES, PIXELS, dtype=torch.float64).log().neg().log()
    monkeypatch.setattr(grouping, 'draw_noise', lambda similarity: noise)
    parameters = [queries, pixels, *grouping.parameters()]
    found, _ = grouping(queries, pixels)
    wanted = literal(grouping, queries, pixels, noise)
    assert torch.allclose(found, wanted, atol=1e-12)
    for ours, theirs in zip(
        torch.autograd.grad(found.pow(2).sum(), parameters),
        torch.autograd.grad(wanted.pow(2).sum(), parameters),
    ):
        assert torch.allclose(ours, theirs, atol=1e-10)


def test_in_eval_each_pixel_has_the_query_that_is_most_similar():
    grouping, queries, pixels = make()
    grouping.eval()
    with torch.no_grad():
        first, second = grouping(queries, pixels), grouping(queries, pixels)
        best = grouping.similarity(queries, pixels).argmax(1)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], F.one_hot(best, QUERIES).transpose(1, 2).double())


@torch.no_grad()
@pytest.mark.parametrize('count_eps', [0.0, 1.0])
def test_a_query_without_pixels_gets_the_bias_only(count_eps):
    grouping, queries, pixels = make(count_eps=count_eps)
    assignment = torch.zeros(FRAMES, QUERIES, PIXELS, dtype=torch.float64)
    assignment[:, 2] = 1
    gathered = grouping.gather(assignment, pixels)
    assert not gathered[:, [0, 1, 3, 4, 5]].any()
    mean = grouping.v_proj(pixels.transpose(1, 2)).sum(1) / (PIXELS + count_eps)
    assert torch.allclose(gathered[:, 2], mean)


def test_assigns_as_torch_does():
    """torch's own Gumbel softmax, which takes no noise from outside, from the same seed."""
    grouping, *_ = make()
    similarity = torch.randn(3, 7, 11, requires_grad=True)
    weight = torch.randn(3, 7, 11)
    gradients = []
    results = []
    for assign in (grouping.assign, lambda x: F.gumbel_softmax(x, tau=1, hard=True, dim=1)):
        torch.manual_seed(5)
        results.append(assign(similarity))
        gradients.append(torch.autograd.grad((results[-1] * weight).sum(), similarity)[0])
    assert torch.equal(*results)
    assert torch.equal(*gradients)


def test_noise_draws_queries_by_their_softmax():
    """The arg max of logits plus Gumbel noise is a sample of their softmax."""
    grouping, *_ = make()
    torch.manual_seed(1)
    logits = torch.tensor([0.0, 1.0, 2.0])
    with torch.no_grad():
        drawn = grouping.assign(logits[None, :, None].expand(1, 3, 40000))
    frequency, expected = drawn.mean((0, 2)), logits.softmax(0)
    deviation = (expected * (1 - expected) / 40000).sqrt()
    assert ((frequency - expected).abs() < 5 * deviation).all()
    noise = grouping.draw_noise(torch.empty(200000))
    assert noise.isfinite().all()
    assert noise.mean().item() == pytest.approx(0.5772157, abs=0.02)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, abs=0.05)


@torch.no_grad()
def test_keeps_its_precision_under_autocast():
    grouping, queries, pixels = make()
    grouping.float().eval()
    queries, pixels = queries.float(), pixels.float()
    expected = grouping(queries, pixels)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = grouping(queries, pixels)
        lifted, _ = grouping(queries.bfloat16(), pixels.bfloat16())
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert lifted.dtype == torch.float32


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match=r'count_eps must not be negative, got -1'):
        PixelGrouping(8, count_eps=-1)

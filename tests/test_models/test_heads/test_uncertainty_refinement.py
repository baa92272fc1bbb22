# Copyright (c) mmavs developers. All rights reserved.
"""Equations 10 and 11 of RAVS, pixel by pixel in float64."""

import math

import pytest
import torch

from mmavs.models.heads.uncertainty_refinement import (
    UncertaintyRefinement,
    dirichlet_variance,
    normalize_spatially,
)


def random(*shape, seed=0, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def variance_by_loops(logits):
    out = torch.empty_like(logits)
    frames, classes, height, width = logits.shape
    for n in range(frames):
        for y in range(height):
            for x in range(width):
                values = logits[n, :, y, x].tolist()
                alpha = [math.log1p(math.exp(value)) + 1e-6 for value in values]
                total = sum(alpha)
                for c in range(classes):
                    others = total - alpha[c]
                    out[n, c, y, x] = alpha[c] * others / (total**2 * (total + 1))
    return out


def uncertainty_by_loops(logits):
    delta = variance_by_loops(logits)
    for frame in delta:
        for one in frame:
            low, high = one.min(), one.max()
            one.copy_((one - low) / (high - low))
    return delta


@pytest.mark.parametrize('classes', [2, 5])
def test_uncertainty_equals_equation_10_scaled(classes):
    logits = random(3, classes, 4, 5)
    delta = dirichlet_variance(logits)
    assert torch.allclose(delta, variance_by_loops(logits), atol=1e-14)
    assert delta.min() > 0 and delta.max() < 0.25
    found = UncertaintyRefinement().estimate(logits)
    assert torch.allclose(found, uncertainty_by_loops(logits), atol=1e-12)
    assert (found.flatten(2).amin(2) == 0).all() and (found.flatten(2).amax(2) == 1).all()


def test_variance_is_that_of_the_distribution():
    """Against torch's own Dirichlet."""
    logits = random(1, 4, 1, 1)
    alpha = torch.nn.functional.softplus(logits) + 1e-6
    expected = torch.distributions.Dirichlet(alpha.flatten()).variance
    assert torch.allclose(dirichlet_variance(logits).flatten(), expected)


def test_a_single_class_would_have_no_uncertainty():
    assert dirichlet_variance(random(1, 1, 4, 5)).abs().max() < 1e-15


def test_two_classes_have_the_same_uncertainty():
    """So eq. 11 says nothing about a binary task if both are divided, and the object is alone."""
    logits, refine = random(3, 2, 4, 5, seed=1), UncertaintyRefinement()
    uncertainty = refine.estimate(random(3, 2, 4, 5))
    assert torch.allclose(uncertainty[:, 0], uncertainty[:, 1])
    assert torch.allclose(refine(logits, uncertainty).softmax(1), logits.softmax(1))
    scores = logits.softmax(1)
    scores[:, 0] /= 0.5 + 0.05
    scores[:, 1] /= uncertainty[:, 1] + 0.05
    refined = UncertaintyRefinement(divide='objects')(logits, uncertainty)
    assert torch.allclose(refined.softmax(1), scores / scores.sum(1, keepdim=True))
    certain = uncertainty[:, 1] < 0.5
    raised = refined.softmax(1)[:, 1] > logits.softmax(1)[:, 1]
    assert torch.equal(raised, certain)


def test_flat_maps_are_one_half_and_have_a_gradient_of_zero():
    maps = torch.full((2, 2, 3, 3), 0.1, requires_grad=True)
    found = normalize_spatially(maps)
    assert (found == 0.5).all()
    found.sum().backward()
    assert (maps.grad == 0).all()


def test_limits_get_no_gradient():
    maps = torch.tensor([[[[0.1, 0.2, 0.5]]]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    (normalize_spatially(maps) * weights).sum().backward()
    assert torch.allclose(maps.grad.flatten(), weights / 0.4)  # limits as constants


def test_gradients():
    """Of all but the limits of the scaling, which are constants by design."""
    refine = UncertaintyRefinement()
    logits, evidence = random(2, 3, 2, 2).requires_grad_(), random(2, 3, 2, 2, seed=1)
    assert torch.autograd.gradcheck(dirichlet_variance, evidence.clone().requires_grad_())
    uncertainty = refine.estimate(evidence).requires_grad_()
    assert torch.autograd.gradcheck(refine, (logits, uncertainty))


@pytest.mark.parametrize('literal', [False, True])
@pytest.mark.parametrize('training', [False, True])
def test_refined_scores_are_equation_11_made_to_add_up_to_one(literal, training):
    logits, uncertainty = random(3, 4, 5, 6), torch.rand(3, 4, 5, 6, dtype=torch.float64)
    uncertainty[0, :, 0, 0] = torch.tensor([0.0, 0.0, 1.0, 1.0])
    eps = 1e-6 if literal and not training else 0.05
    refined = UncertaintyRefinement(literal=literal).train(training)(logits, uncertainty)
    paper = logits.softmax(1) / (uncertainty + eps)
    assert torch.equal(refined.argmax(1), paper.argmax(1))
    assert torch.allclose(refined.softmax(1), paper / paper.sum(1, keepdim=True))
    assert (refined.argmax(1) != logits.argmax(1)).any()


def test_half_precision_is_left_at_the_door():
    refine, evidence = UncertaintyRefinement(), random(2, 3, 8, 8).bfloat16()
    logits = random(2, 3, 8, 8, seed=1).bfloat16()
    expected = refine(logits.float(), refine.estimate(evidence.float()))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = refine(logits, refine.estimate(evidence))
    assert found.dtype == torch.float32 and torch.equal(found, expected)


def test_extreme_evidence_stays_finite():
    evidence = torch.tensor([-200.0, 0.0, 200.0, 1e4])[:, None].expand(4, 4)[None, None]
    evidence = torch.cat([evidence, evidence.transpose(2, 3)], 1).clone().requires_grad_()
    refine = UncertaintyRefinement()
    refined = refine(torch.zeros(1, 2, 4, 4), refine.estimate(evidence))
    refined.sum().backward()
    assert refined.isfinite().all() and evidence.grad.isfinite().all()


def test_errors():
    with pytest.raises(ValueError, match="refinement.divide must be one of .*, got 'both'"):
        UncertaintyRefinement(divide='both')
    with pytest.raises(ValueError, match='refinement.eps must be positive, got 0'):
        UncertaintyRefinement(eps=0)

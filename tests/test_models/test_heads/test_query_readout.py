# Copyright (c) mmavs developers. All rights reserved.
"""From queries to scores, by loops over pixels."""

import pytest
import torch

from mmavs.models.heads.query_readout import best_query, sum_of_queries


@pytest.fixture
def queries():
    """Probabilities of classes (5, 3+1) and masks (5, 4, 6); a query says no object."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.randn(5, 4, generator=generator).softmax(-1)
    classes[2] = torch.tensor([0.1, 0.1, 0.1, 0.7])
    return classes, torch.rand(5, 4, 6, generator=generator)


def test_sum_of_queries(queries):
    classes, masks = queries
    expected = sum(classes[q, :-1, None, None] * masks[q] for q in range(5))
    torch.testing.assert_close(sum_of_queries(classes, masks), expected)


def test_best_query_is_the_argmax_of_the_paper(queries):
    """At each pixel the class of the query with the largest p(c) * m, no object left out."""
    classes, masks = queries
    found = best_query(classes, masks)
    assert found.shape == (3, 4, 6)
    for y in range(4):
        for x in range(6):
            scores = {
                q: (classes[q].max() * masks[q, y, x]).item()
                for q in range(5)
                if classes[q].argmax() < 3
            }
            best = max(scores, key=scores.get)
            assert found[:, y, x].argmax() == classes[best].argmax()
            assert found[:, y, x].max().item() == pytest.approx(scores[best])


def test_no_query_says_anything(queries):
    classes = torch.tensor([[0.1, 0.1, 0.1, 0.7]]).expand(5, -1)
    assert (best_query(classes, queries[1]) == 0).all()

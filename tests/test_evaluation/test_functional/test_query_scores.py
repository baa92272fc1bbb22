# Copyright (c) mmavs developers. All rights reserved.
import math
from collections import Counter

import pytest
import torch

from mmavs.evaluation.functional import class_coverage, matching_stability


def test_coverage_by_hand():
    labels = torch.tensor([[1, 2, 4, 4], [4, 4, 0, 0], [0, 4, 4, 4], [3, 3, 3, 1], [2, 4, 4, 4]])
    target = torch.zeros(5, 2, 2, dtype=torch.long)
    target[0, 0] = torch.tensor([1, 3])  # {1, 2} and {1, 3}
    target[1, 0, 0] = 255  # nothing and nothing
    target[2, 0, 0] = 2  # nothing and {2}
    target[3, 0] = torch.tensor([1, 3])
    assert class_coverage(labels, target, 4).tolist() == pytest.approx([1 / 3, 1, 0, 1, 0])
    with_background = class_coverage(labels, target, 4, background=None)
    assert with_background.tolist() == pytest.approx([1 / 4, 1, 1 / 2, 2 / 3, 0])


def test_coverage_equals_sets():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 8, (50, 3), generator=generator)
    target = torch.randint(0, 7, (50, 1, 2), generator=generator)
    expected = []
    for row, frame in zip(labels.tolist(), target.flatten(1).tolist(), strict=True):
        predicted, present = set(row) - {0, 7}, set(frame) - {0}
        union = predicted | present
        expected.append(len(predicted & present) / len(union) if union else 1)
    assert class_coverage(labels, target, 7).tolist() == pytest.approx(expected)


def test_coverage_of_bad_input():
    target = torch.zeros(1, 2, 2, dtype=torch.long)
    with pytest.raises(ValueError, match='query_labels have values from 0 to 5, expected 0 to 3'):
        class_coverage(torch.tensor([[0, 5]]), target, 4)
    with pytest.raises(ValueError, match='label has values from 0 to 9'):
        class_coverage(torch.tensor([[0, 4]]), target + torch.tensor([0, 9]), 4)
    with pytest.raises(ValueError, match='label has values from 4 to 4'):
        class_coverage(torch.tensor([[0, 4]]), target + 4, 4)  # no class, though no object there
    with pytest.raises(ValueError, match=r'got \(2, 1\) and \(1, 2, 2\)'):
        class_coverage(torch.tensor([[0], [1]]), target, 4)


def test_stability_closed_forms():
    own = torch.tensor([[9, 0, 0], [0, 1, 0]])
    assert matching_stability(own) == 0
    alike = torch.tensor([[5, 5, 5, 5], [2, 2, 2, 2]])
    assert matching_stability(alike) == pytest.approx(math.log(4))
    # The third class was never assigned.
    mixed = torch.tensor([[3, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    assert matching_stability(mixed) == pytest.approx(math.log(2) / 2)
    assert math.isnan(matching_stability(torch.zeros(3, 4, dtype=torch.long)))


def test_stability_from_the_text():
    """R (images x queries) of assigned labels, counted one by one."""
    generator = torch.Generator().manual_seed(1)
    assigned = torch.randint(0, 6, (40, 7), generator=generator)
    entropies = []
    for label in range(5):
        counts = Counter(n for row in assigned.tolist() for n, c in enumerate(row) if c == label)
        shares = [count / sum(counts.values()) for count in counts.values()]
        entropies.append(-sum(share * math.log(share) for share in shares))
    histogram = torch.stack([(assigned == label).sum(0) for label in range(5)])
    assert matching_stability(histogram) == pytest.approx(sum(entropies) / 5)


@pytest.mark.parametrize('bad', [torch.tensor([[1, -1]]), torch.tensor([1, 2])])
def test_stability_of_bad_input(bad):
    with pytest.raises(ValueError, match=r'Expected counts \(C, N\)'):
        matching_stability(bad)

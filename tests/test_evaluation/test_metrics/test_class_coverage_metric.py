# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
from semantic_samples import evaluate, make_sample, random_samples

from mmavs.evaluation import ClassCoverageMetric
from mmavs.evaluation.functional import class_coverage


def test_mean_over_annotated_frames():
    samples = random_samples(4)
    expected = torch.cat([class_coverage(s.query_labels, s.gt_sem_seg.data, 6) for s in samples])
    samples[0].frame_annotated = torch.tensor([True] * 3 + [False] * 2)
    expected = torch.cat([expected[:3], expected[5:]]).mean().item()
    scores = evaluate(ClassCoverageMetric(), samples, 6)
    assert scores == {'coverage': pytest.approx(100 * expected)}


def test_errors():
    sample = random_samples(1)[0]
    sample.query_labels = sample.query_labels[:3]
    with pytest.raises(
        ValueError, match=r'query_labels are \(3, 3\), expected \(T, Q\) with T = 5'
    ):
        evaluate(ClassCoverageMetric(), [sample], 6)
    blank = make_sample(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), annotated=[False])
    with pytest.raises(ValueError, match='needs query_labels, which clip "clip" lacks. A query'):
        evaluate(ClassCoverageMetric(), [blank], 6)
    blank.query_labels = torch.zeros(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match='None of the 1 clips has an annotated frame'):
        evaluate(ClassCoverageMetric(), [blank], 6)

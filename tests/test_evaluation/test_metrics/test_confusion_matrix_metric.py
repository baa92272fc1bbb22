# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
from semantic_samples import evaluate, make_sample, random_samples

from mmavs.evaluation import ConfusionMatrixMetric
from mmavs.evaluation.metrics.confusion_matrix_metric import confusion_matrix


def test_counts_every_pair():
    """Against a loop over pixels; ignored pixels and frames without a mask count nowhere."""
    samples = random_samples(3)
    samples[0].frame_annotated = torch.tensor([True] * 3 + [False] * 2)
    samples[1].gt_sem_seg.data[0, 0] = 255
    expected = torch.zeros(6, 6, dtype=torch.int64)
    for sample in samples:
        counts = sample.frame_valid & sample.frame_annotated
        truth, pred = (sample.get(k).data[counts] for k in ('gt_sem_seg', 'pred_sem_seg'))
        for t, p in zip(truth.flatten().tolist(), pred.flatten().tolist()):
            if t != 255:
                expected[t, p] += 1
    metric = ConfusionMatrixMetric()
    scores = evaluate(metric, samples, 6)
    assert torch.equal(metric.matrix, expected)
    right = expected.diagonal().double()
    assert scores['aAcc'] == pytest.approx(100 * (right.sum() / expected.sum()).item())
    shown = expected.sum(1) > 0
    by_class = (right / expected.sum(1))[shown]
    assert scores['mAcc'] == pytest.approx(100 * by_class.mean().item())


def test_errors():
    with pytest.raises(ValueError, match='Prediction holds classes from 0 to 3, expected 0 to 1'):
        confusion_matrix(torch.tensor([0, 3]), torch.tensor([0, 1]), 2)
    with pytest.raises(ValueError, match='Label holds classes from 1 to 70'):
        confusion_matrix(torch.tensor([0, 1]), torch.tensor([1, 70]), 2)
    blank = make_sample(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), annotated=[False])
    with pytest.raises(ValueError, match='None of the 1 clips has a labelled pixel'):
        evaluate(ConfusionMatrixMetric(), [blank], 6)

# Copyright (c) mmavs developers. All rights reserved.
import pickle

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.evaluation.metrics import IoUMetric
from semantic_samples import evaluate, make_sample, random_samples

from mmavs.evaluation import PerDatasetMetric
from mmavs.registry import METRICS
from mmavs.testing.goldens import load_golden

CASES = {'vpo22': 22, 'avss71': 71, 'binary': 2}


@pytest.fixture(scope='module')
def golden():
    return load_golden('metrics_per_dataset')[0]


def golden_samples(golden, case) -> list:
    return [
        make_sample(golden[f'{case}/pred/{i}'][None], golden[f'{case}/gt/{i}'][None])
        for i in range(4)
    ]


@pytest.mark.parametrize('ignore', ['', '_ignore'])
@pytest.mark.parametrize('case', CASES)
def test_golden_cavp(golden, case, ignore):
    """Frames of several sizes, and the subset of frames with several sources."""
    name = f'{case}{ignore}'
    scores = evaluate(PerDatasetMetric(), golden_samples(golden, name), CASES[case], 3)
    subsets = {'': 'all', '_multi_source': 'ms'}
    if not golden[f'{name}/cavp/is_ms'].any():
        assert not any('multi_source' in key for key in scores)
        subsets.pop('_multi_source')
    for end, subset in subsets.items():
        key = f'{name}/cavp/{subset}.'
        for ours, official in (('mIoU', 'miou'), ('Fscore', 'f03'), ('F1', 'f1'), ('FDR', 'fdr')):
            expected = golden[f'{key}{official}_unrounded'].item()
            assert scores[f'{ours}{end}'] / 100 == pytest.approx(expected, abs=1e-6)
        assert round(scores[f'aAcc{end}'] / 100, 4) == pytest.approx(golden[f'{key}acc'].item())


@pytest.mark.parametrize('case', CASES)
def test_golden_dde(golden, case):
    metric = PerDatasetMetric(absent='skip', subsets=())
    scores = evaluate(metric, golden_samples(golden, case), CASES[case])
    assert set(scores) == {'mIoU', 'Fscore', 'F1', 'FDR', 'aAcc'}
    for ours, key in (('mIoU', 'iou'), ('Fscore', 'fscore_03'), ('F1', 'fscore')):
        expected = golden[f'{case}/dde/mean_{key}'].item()
        assert scores[ours] / 100 == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('case', ['vpo22_ignore', 'avss71_ignore'])
def test_mmseg_has_the_same_miou_and_accuracy(golden, case):
    """But not the same F: mmseg leaves out every class that is never hit."""
    num_classes = CASES[case.removesuffix('_ignore')]
    samples = golden_samples(golden, case)
    ours = evaluate(PerDatasetMetric(absent='skip'), samples, num_classes)
    theirs = IoUMetric(iou_metrics=['mIoU', 'mFscore'], beta=0.3**0.5)
    theirs.dataset_meta = dict(classes=tuple(map(str, range(num_classes))))
    frames = [sample.frame(0).to_dict() for sample in samples]
    theirs.process({}, frames)
    expected = theirs.evaluate(4)  # rounded to 2 decimals
    assert ours['mIoU'] == pytest.approx(expected['mIoU'], abs=0.0051)
    assert ours['aAcc'] == pytest.approx(expected['aAcc'], abs=0.0051)
    assert expected['mFscore'] >= ours['Fscore'] - 0.0051


def test_mmseg_leaves_missed_classes_out_of_f():
    labels = torch.zeros(1, 2, 4).long()
    labels[0, 0] = 1
    sample = make_sample(torch.zeros(1, 2, 4), labels)
    ours = evaluate(PerDatasetMetric(absent='skip'), [sample], 2)
    theirs = IoUMetric(iou_metrics=['mFscore'], beta=0.3**0.5)
    theirs.dataset_meta = dict(classes=('a', 'b'))
    theirs.process({}, [sample.frame(0).to_dict()])
    assert theirs.evaluate(1)['mFscore'] == pytest.approx(2 * ours['Fscore'], abs=0.02)


def test_background_left_out():
    labels = torch.zeros(1, 2, 4).long()
    labels[0, 0] = 1
    sample = make_sample(labels * (torch.arange(4) > 0), labels)
    with_background = evaluate(PerDatasetMetric(), [sample], 2)
    without = evaluate(PerDatasetMetric(include_background=False), [sample], 2)
    assert with_background['mIoU'] == pytest.approx(100 * (4 / 5 + 3 / 4) / 2)
    assert without['mIoU'] == pytest.approx(75)
    assert without['aAcc'] == with_background['aAcc'] == pytest.approx(87.5)


def test_binary_predictions_are_thresholded_as_published():
    """Whatever threshold a config has; None takes the prediction as it is."""
    labels = torch.zeros(1, 2, 4).long()
    labels[0, 0] = 1
    sample = make_sample(torch.ones(1, 2, 4), labels)
    sample.pred_scores = PixelData(data=torch.where(labels == 1, 0.6, 0.4))
    assert evaluate(PerDatasetMetric(), [sample], 2)['mIoU'] == pytest.approx(100)
    assert evaluate(PerDatasetMetric(threshold=None), [sample], 2)['mIoU'] == pytest.approx(25)
    assert evaluate(PerDatasetMetric(threshold=0.7), [sample], 2)['mIoU'] == pytest.approx(25)


def test_subsets_count_all_classes():
    samples = random_samples(7)
    scores = evaluate(PerDatasetMetric(), samples, 6)
    for subset in ('v1s', 'v1m', 'v2'):
        alone = [sample for sample in samples if sample.subset == subset]
        expected = evaluate(PerDatasetMetric(), alone, 6)
        for key in ('mIoU', 'Fscore', 'F1', 'FDR', 'aAcc'):
            assert scores[f'{key}_{subset}'] == expected[key]


def test_batched_equals_one_by_one():
    samples = random_samples(7)
    expected = evaluate(PerDatasetMetric(), samples, 6)
    assert evaluate(PerDatasetMetric(), samples, 6, batch_size=4) == expected


def test_nothing_predicted_is_no_false_discovery_rate():
    labels = torch.ones(1, 2, 2).long()
    metric = PerDatasetMetric(include_background=False)
    scores = evaluate(metric, [make_sample(labels * 0, labels)], 2)
    assert scores['FDR'] != scores['FDR']
    assert scores['mIoU'] == 0


def test_errors():
    sample = random_samples(1)[0]
    with pytest.raises(ValueError, match="absent is 'nan'"):
        PerDatasetMetric(absent='nan')
    with pytest.raises(ValueError, match='does not know the classes'):
        evaluate(PerDatasetMetric(), [sample])
    with pytest.raises(ValueError, match='label has values from 0 to 255'):
        sample.gt_sem_seg.data[0, 0, 0] = 255
        evaluate(PerDatasetMetric(ignore_index=254), [sample], 6)
    sample.gt_sem_seg.data[:] = 255
    with pytest.raises(ValueError, match='None of the 1 clips has a labelled pixel'):
        evaluate(PerDatasetMetric(), [sample], 6)


def test_results_are_one_a_clip_and_small():
    metric = METRICS.build(dict(type='PerDatasetMetric', num_classes=71))
    metric.process({}, [make_sample(torch.zeros(10, 64, 64), torch.zeros(10, 64, 64)).to_dict()])
    assert len(metric.results) == 1
    assert len(pickle.dumps(metric.results[0])) < 5000

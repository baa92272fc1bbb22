# Copyright (c) mmavs developers. All rights reserved.
import pickle

import pytest
import torch
from semantic_samples import evaluate, make_sample, random_samples

from mmavs.evaluation import AVSSemanticMetric
from mmavs.evaluation.functional import mask_iou
from mmavs.registry import METRICS
from mmavs.testing.goldens import load_golden


def golden_samples() -> tuple[list, dict]:
    """Four clips; the first has 5 frames here, as our data set gives it."""
    golden = load_golden('metrics_avss')[0]
    samples = []
    for batch, start in ((0, 0), (0, 10), (1, 0), (1, 10)):
        frames = slice(start, start + (5 if (batch, start) == (0, 0) else 10))
        samples.append(make_sample(golden[f'pred_{batch}'][frames], golden[f'gt_{batch}'][frames]))
    return samples, golden


@pytest.mark.parametrize('batch_size', [1, 3])
def test_golden(batch_size):
    samples, golden = golden_samples()
    scores = evaluate(AVSSemanticMetric(), samples, 71, batch_size)
    expected = {
        'mIoU': 'miou',
        'Fscore': 'F_score',
        'mIoU_noLast': 'miou_noBg',
        'Fscore_noLast': 'F_score_noBg',
        'mIoU_seen': 'miou_over_seen_classes',
        'Fscore_seen': 'F_over_seen_classes',
    }
    assert set(scores) == {*expected, 'fg_mIoU'}
    for name, key in expected.items():
        assert scores[name] / 100 == pytest.approx(golden[key].item(), abs=1e-6), name


def test_padding_of_the_loader_is_not_scored_twice():
    """A clip that comes padded gives what the clip without padding gives."""
    samples, _ = golden_samples()
    expected = evaluate(AVSSemanticMetric(), samples, 71)
    pad = torch.zeros(5, 24, 24)
    pred = torch.cat([samples[0].pred_sem_seg.data, pad])
    labels = torch.cat([samples[0].gt_sem_seg.data, pad + 255])
    flags = [True] * 5 + [False] * 5
    samples[0] = make_sample(pred, labels, valid=flags, annotated=flags)
    assert evaluate(AVSSemanticMetric(), samples, 71) == expected


def test_without_padding_only_the_background_differs():
    samples, _ = golden_samples()
    padded = evaluate(AVSSemanticMetric(), samples, 71)
    clean = evaluate(AVSSemanticMetric(count_padded_frames=False), samples, 71)
    assert clean['mIoU'] < padded['mIoU'] and clean['Fscore'] < padded['Fscore']
    assert clean['fg_mIoU'] == padded['fg_mIoU']
    # Class 0 has 35 frames that count, and 40 with the 5 that are perfect.
    iou = (padded['mIoU'] - clean['mIoU']) * 71 / 100
    background = (iou * 40 * 35 - 5 * 35) / -5  # solves (x + 5) / 40 - x / 35 = iou for the sum x
    assert 0 < background < 35
    whole_clips = [samples[1], samples[2]]
    assert evaluate(AVSSemanticMetric(False), whole_clips, 71) == evaluate(
        AVSSemanticMetric(), whole_clips, 71
    )


def test_foreground_iou_is_that_of_all_real_frames():
    samples = random_samples(4)
    frames = [mask_iou(s.pred_sem_seg.data > 0, s.gt_sem_seg.data > 0) for s in samples]
    expected = torch.cat(frames).mean().item()
    scores = evaluate(AVSSemanticMetric(), samples, 6)
    assert scores['fg_mIoU'] == pytest.approx(100 * expected)


def test_subsets():
    samples = random_samples(7)
    scores = evaluate(AVSSemanticMetric(), samples, 6)
    for subset in ('v1s', 'v1m', 'v2'):
        alone = [sample for sample in samples if sample.subset == subset]
        expected = evaluate(AVSSemanticMetric(), alone, 6)
        for key in ('mIoU', 'Fscore', 'fg_mIoU'):
            assert scores[f'{key}_{subset}'] == expected[key]
        assert not any(subset in name for name in expected)  # one subset is no subset
    assert not any('v1s' in name for name in evaluate(AVSSemanticMetric(subsets=()), samples, 6))


def test_only_valid_and_annotated_frames_count():
    sample = random_samples(1)[0]
    expected = evaluate(AVSSemanticMetric(), [sample], 6)
    labels = sample.gt_sem_seg.data.clone()
    labels = torch.cat([labels, torch.full((2, 20, 20), 255)])
    pred = torch.cat([sample.pred_sem_seg.data, torch.ones(2, 20, 20)])
    longer = make_sample(
        pred, labels, [True] * 6 + [False], [True] * 5 + [False, True], num_clip_frames=5
    )
    assert evaluate(AVSSemanticMetric(), [longer], 6) == expected


def test_unlabelled_pixel_is_of_no_class_and_a_prediction_there_is_wrong():
    pred, labels = torch.ones(1, 2, 4, dtype=torch.long), torch.ones(1, 2, 4, dtype=torch.long)
    labels[0, 0, :2] = 255
    sample = make_sample(pred, labels, [True], [True])
    scores = evaluate(AVSSemanticMetric(count_padded_frames=False), [sample], 2)
    assert scores['mIoU_seen'] == pytest.approx(100 * 6 / 8)
    assert scores['fg_mIoU'] == pytest.approx(100 * 6 / 8)


def test_errors():
    sample = random_samples(1)[0]
    with pytest.raises(ValueError, match='does not know the classes'):
        evaluate(AVSSemanticMetric(), [sample])
    with pytest.raises(ValueError, match='num_classes of AVSSemanticMetric is 5, but the data set'):
        evaluate(AVSSemanticMetric(num_classes=5), [sample], 6)
    with pytest.raises(ValueError, match='prediction has values from 0 to 5, expected classes 0'):
        evaluate(AVSSemanticMetric(num_classes=3), [sample])
    sample.gt_sem_seg.data[0, 0, 0] = 9
    with pytest.raises(ValueError, match='label has values from 0 to 9'):
        evaluate(AVSSemanticMetric(), [sample], 6)
    sample.frame_annotated = torch.zeros(5, dtype=torch.bool)
    with pytest.raises(ValueError, match='None of the 1 clips has an annotated frame'):
        evaluate(AVSSemanticMetric(), [sample], 6)
    del sample.pred_sem_seg
    with pytest.raises(ValueError, match='needs pred_sem_seg, which clip "clip" lacks. predict'):
        evaluate(AVSSemanticMetric(), [sample], 6)


def test_results_are_one_a_clip_and_small():
    metric = METRICS.build(dict(type='AVSSemanticMetric', num_classes=71))
    samples = [make_sample(torch.zeros(10, 224, 224), torch.zeros(10, 224, 224)) for _ in range(2)]
    metric.process({}, [sample.to_dict() for sample in samples])
    assert len(metric.results) == 2
    assert len(pickle.dumps(metric.results[0])) < 5000

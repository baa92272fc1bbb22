# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from semantic_samples import evaluate, make_sample, random_samples

from mmavs.evaluation import AudioRobustnessMetric, AVSBenchMetric
from mmavs.evaluation.functional import mask_iou
from mmavs.registry import METRICS
from mmavs.structures import AVSDataSample
from mmavs.testing.goldens import load_golden

CONDITIONS = {'original': 'pos', 'silence': 'silence', 'noise': 'noise', 'offscreen': 'offscreen'}


@pytest.fixture(scope='module')
def golden():
    return load_golden('metrics_robust')[0]


def golden_samples(golden, conditions=CONDITIONS) -> list[AVSDataSample]:
    samples = []
    for condition in conditions:
        for logits, gt in zip(golden[f'logits/{CONDITIONS[condition]}'], golden['gt'], strict=True):
            scores = torch.from_numpy(logits).sigmoid()
            sample = make_sample(scores > 0.5, gt, audio_condition=condition)
            sample.pred_scores = PixelData(data=scores)
            samples.append(sample)
    return samples


@pytest.mark.parametrize('loader_batch', [1, 3])
@pytest.mark.parametrize('size', [1, 2])
def test_golden(golden, size, loader_batch):
    metric = AudioRobustnessMetric(f_batch_size=size)
    scores = evaluate(metric, golden_samples(golden), batch_size=loader_batch)
    for condition, name in CONDITIONS.items():
        for key, official in (('mIoU', 'miou'), ('F', 'F'), ('FPR', 'FPR')):
            expected = golden[f'bs{size}/{name}/{official}'].item()
            assert scores[f'{key}_{condition}'] / 100 == pytest.approx(expected, abs=1e-6)
    for key, official in (('mIoU', 'miou'), ('F', 'F')):
        pooled = golden[f'bs{size}/unofficial_G_{official}_mean_neg'].item()
        assert scores[f'G_{key}'] / 100 == pytest.approx(pooled, abs=1e-6)
        each = [scores[f'G_{key}_{c}'] / 100 for c in ('silence', 'noise', 'offscreen')]
        np.testing.assert_allclose(
            each, golden[f'bs{size}/unofficial_G_{official}_each'], atol=1e-6
        )
    expected = golden[f'bs{size}/unofficial_G_FPR'].item()
    assert scores['G_FPR'] / 100 == pytest.approx(expected, abs=1e-6)


def test_the_original_is_scored_as_by_avsbench(golden):
    samples = golden_samples(golden, ['original'])
    expected = evaluate(AVSBenchMetric(f_batch_size=2), samples)
    scores = evaluate(AudioRobustnessMetric(f_batch_size=2), samples)
    assert set(scores) == {'mIoU_original', 'F_original', 'FPR_original'}
    assert scores['mIoU_original'] == expected['mIoU']
    assert scores['F_original'] == expected['Fscore_b2']


def test_conditions_may_be_mixed(golden):
    samples = golden_samples(golden)
    mixed = [samples[i * 4 + j] for j in range(4) for i in range(4)]
    expected = evaluate(AudioRobustnessMetric(2), samples)
    assert evaluate(AudioRobustnessMetric(2), mixed) == pytest.approx(expected)


def test_swapped_is_reported_and_not_pooled(golden):
    samples = golden_samples(golden)
    expected = evaluate(AudioRobustnessMetric(), samples)
    swapped = golden_samples(golden, ['noise'])
    for sample in swapped:
        sample.set_metainfo(dict(audio_condition='swapped'))
    scores = evaluate(AudioRobustnessMetric(), [*samples, *swapped])
    for key, value in expected.items():
        assert scores[key] == value
    assert scores['G_mIoU_swapped'] == scores['G_mIoU_noise']
    alone = evaluate(AudioRobustnessMetric(), [*samples[:4], *swapped])
    assert 'G_F_swapped' in alone and 'G_F' not in alone and 'G_FPR' not in alone


def test_without_the_original_there_is_no_g(golden):
    scores = evaluate(AudioRobustnessMetric(), golden_samples(golden, ['silence', 'noise']))
    assert [key for key in scores if key.startswith('G')] == ['G_FPR']


def test_skip_empty_clips():
    """Officially a clip without any object counts as F = 0."""
    labels = torch.zeros(2, 4, 4)
    labels[:, 0] = 1
    samples = []
    for mask in (labels, labels * 0):
        sample = make_sample(mask, mask, audio_condition='original')
        sample.pred_scores = PixelData(data=mask)
        samples.append(sample)
    assert evaluate(AudioRobustnessMetric(), samples)['F_original'] == pytest.approx(50)
    skipping = evaluate(AudioRobustnessMetric(skip_empty_clips=True), samples)
    assert skipping['F_original'] == pytest.approx(100)
    assert skipping['FPR_original'] == pytest.approx(25)
    with pytest.raises(ValueError, match='None of the 1 clips has an annotated frame with an obj'):
        evaluate(AudioRobustnessMetric(skip_empty_clips=True), samples[1:])


def test_semantic_predictions():
    samples = random_samples(10)
    scores = evaluate(AudioRobustnessMetric(), samples)
    assert not any(key.startswith(('F_', 'G_F_')) for key in scores) and 'G_F' not in scores
    original = [sample for sample in samples if sample.audio_condition == 'original']
    frames = [mask_iou(s.pred_sem_seg.data > 0, s.gt_sem_seg.data > 0) for s in original]
    assert scores['mIoU_original'] == pytest.approx(100 * torch.cat(frames).mean().item())
    assert 'G_mIoU_swapped' in scores


def test_pixels_without_a_label_count_as_empty_background():
    labels = torch.zeros(1, 4, 4)
    labels[0, 0] = 1
    labels[0, 1] = 255
    pred = (labels > 0).float()
    sample = make_sample(pred, labels, audio_condition='original')
    sample.pred_scores = PixelData(data=pred)
    scores = evaluate(AudioRobustnessMetric(), [sample])
    assert scores['mIoU_original'] == pytest.approx(100)
    assert scores['F_original'] == pytest.approx(100)
    assert scores['FPR_original'] == pytest.approx(25)


def test_errors():
    with pytest.raises(ValueError, match='needs audio_condition, which clip "clip" lacks'):
        evaluate(AudioRobustnessMetric(), [make_sample(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2))])
    with pytest.raises(ValueError, match='at least 1 clip, got 0'):
        METRICS.build(dict(type='AudioRobustnessMetric', f_batch_size=0))

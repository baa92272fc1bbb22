# Copyright (c) mmavs developers. All rights reserved.
import json
import os
import pickle

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData

from mmavs.evaluation import AVSBenchMetric
from mmavs.evaluation.functional import two_channel_scores
from mmavs.registry import METRICS
from mmavs.structures import AVSDataSample
from mmavs.testing.goldens import fill_inputs, load_golden


def make_sample(scores, labels, annotated=None, valid=None, clip_id='clip') -> AVSDataSample:
    sample = AVSDataSample(metainfo=dict(clip_id=clip_id))
    sample.pred_scores = PixelData(data=torch.as_tensor(scores))
    sample.gt_sem_seg = PixelData(data=torch.as_tensor(labels).long())
    everything = torch.ones(len(scores), dtype=torch.bool)
    sample.frame_annotated = everything if annotated is None else torch.tensor(annotated)
    sample.frame_valid = everything if valid is None else torch.tensor(valid)
    return sample


def random_samples(num: int, frames: int = 5, size: int = 12) -> list[AVSDataSample]:
    """Clips of very different quality, every third with frames without an object."""
    samples = []
    for index in range(num):
        generator = torch.Generator().manual_seed(index)
        labels = torch.rand(frames, size, size, generator=generator) > 0.6
        if index % 3 == 0:
            labels[1:3] = False
        logits = (labels.float() - 0.5) * (index % 5)
        logits += torch.randn(frames, size, size, generator=generator)
        samples.append(make_sample(logits.sigmoid(), labels, clip_id=f'clip{index}'))
    return samples


def evaluate(samples, batch_size: int = 1, f_batch_size: int = 2, size: int | None = None):
    metric = AVSBenchMetric(f_batch_size=f_batch_size)
    for start in range(0, len(samples), batch_size):
        batch = samples[start : start + batch_size]
        metric.process({}, [sample.to_dict() for sample in batch])
    return metric.evaluate(size or len(samples))


def golden_samples(order=(0, 1, 3, 2)) -> list[AVSDataSample]:
    """The golden's batches as clips of 5 frames; batch 2 has one clip, the others two."""
    arrays = load_golden('metrics_s4')[0]
    samples = []
    for batch in order:
        scores, labels = torch.from_numpy(arrays[f'pred_{batch}']).sigmoid(), arrays[f'gt_{batch}']
        for start in range(0, len(scores), 5):
            frames = slice(start, start + 5)
            samples.append(make_sample(scores[frames], labels[frames]))
    return samples


@pytest.mark.parametrize('batch_size', [1, 3, 7])
def test_golden(batch_size):
    """The batches of F are those of f_batch_size, whatever the batches of the loader are."""
    arrays = load_golden('metrics_s4')[0]
    metrics = evaluate(golden_samples(), batch_size)
    assert set(metrics) == {
        'avs/mIoU',
        'avs/mIoU_b2',
        'avs/Fscore_b2',
        'avs/Fscore_dataset',
        'avs/Fscore_0.5',
    }
    expected = {
        'avs/mIoU': arrays['iou_all_as_one_batch'],
        'avs/mIoU_b2': arrays['iou_mean_over_batches'],
        'avs/Fscore_b2': arrays['F_mean_over_batches'],
        'avs/Fscore_dataset': arrays['F_all_as_one_batch'],
    }
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(float(value) * 100, abs=1e-4), name


def test_one_large_batch_is_the_data_set():
    metrics = evaluate(golden_samples(), f_batch_size=100)
    assert metrics['avs/Fscore_b100'] == metrics['avs/Fscore_dataset']
    assert metrics['avs/mIoU_b100'] == metrics['avs/mIoU']


def test_f_at_one_half():
    samples = random_samples(4)
    scores = []
    for sample in samples:
        for score, label in zip(sample.pred_scores.data, sample.gt_sem_seg.data, strict=True):
            if label.any():
                predicted, mask = score.numpy() >= 0.5, label.numpy() == 1
                hits = (predicted & mask).sum()
                precision, recall = hits / predicted.sum(), hits / mask.sum()
                scores.append(1.3 * precision * recall / (0.3 * precision + recall))
    assert evaluate(samples)['avs/Fscore_0.5'] == pytest.approx(np.mean(scores) * 100, abs=1e-9)


def test_batched_equals_one_by_one():
    samples = random_samples(9)
    expected = evaluate(samples)
    for batch_size in (2, 4, 9):
        assert evaluate(samples, batch_size) == expected


def test_smaller_f_batches_score_higher():
    samples = random_samples(8)
    scores = [evaluate(samples, f_batch_size=n)[f'avs/Fscore_b{n}'] for n in (1, 2, 4, 8)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


def test_only_valid_and_annotated_frames_count():
    samples = random_samples(4)
    expected = evaluate(samples)
    longer = []
    for sample in samples:
        scores = torch.cat([sample.pred_scores.data, torch.rand(3, 12, 12)])
        labels = torch.cat([sample.gt_sem_seg.data, torch.full((3, 12, 12), 255)])
        labels[-1] = 1  # padding whose flags contradict: it needs both
        annotated, valid = [True] * 5 + [False, False, True], [True] * 6 + [False, False]
        longer.append(make_sample(scores, labels, annotated, valid))
    assert evaluate(longer) == expected


def test_s4_training_split_scores_the_first_frame():
    sample = random_samples(2)[1]
    first = make_sample(sample.pred_scores.data[:1], sample.gt_sem_seg.data[:1])
    sample.gt_sem_seg.data[1:] = 255
    sample.frame_annotated = torch.tensor([True] + [False] * 4)
    assert evaluate([sample]) == evaluate([first])


def test_empty_ground_truth():
    """Rightly left empty is a perfect IoU; a batch of only such frames counts as F = 0."""
    empty = make_sample(torch.zeros(5, 8, 8), torch.zeros(5, 8, 8))
    labels = torch.zeros(5, 8, 8)
    labels[:, 2:5, 2:5] = 1
    perfect = make_sample(labels, labels)
    metrics = evaluate([empty, perfect], f_batch_size=1)
    assert metrics['avs/mIoU'] == pytest.approx(100, abs=1e-4)
    assert metrics['avs/Fscore_b1'] == pytest.approx(50)
    assert metrics['avs/Fscore_dataset'] == pytest.approx(100)
    metrics = evaluate([empty], f_batch_size=1)
    assert metrics['avs/Fscore_b1'] == metrics['avs/Fscore_dataset'] == 0


def test_logits_of_zero_are_background_for_the_iou_and_foreground_for_f():
    labels = torch.zeros(1, 4, 4)
    labels[0, :2] = 1
    metrics = evaluate([make_sample(torch.full((1, 4, 4), 0.5), labels)], f_batch_size=1)
    assert metrics['avs/mIoU'] == 0
    assert metrics['avs/Fscore_0.5'] == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1) * 100)


def test_clips_without_annotation_leave_the_others_alone():
    samples = random_samples(2)
    blank = make_sample(torch.rand(5, 12, 12), torch.full((5, 12, 12), 255), [False] * 5)
    # In a batch of its own it is no batch; within one it adds nothing.
    assert evaluate([*samples, blank, blank]) == evaluate(samples)
    assert evaluate([*samples, blank, samples[0]])['avs/Fscore_b2'] == pytest.approx(
        evaluate([*samples, samples[0]])['avs/Fscore_b2']
    )
    with pytest.raises(ValueError, match='None of the 2 clips has an annotated frame'):
        evaluate([blank, blank])


def test_no_clip():
    with pytest.raises(ValueError, match='None of the 0 clips'):
        AVSBenchMetric().evaluate(0)


@pytest.mark.parametrize('field', ['pred_scores', 'gt_sem_seg', 'frame_annotated'])
def test_missing_field(field):
    sample = random_samples(1)[0]
    delattr(sample, field)
    with pytest.raises(ValueError, match=f'needs {field}, which clip "clip0" lacks'):
        evaluate([sample])


def test_bad_samples():
    with pytest.raises(ValueError, match=r'"clip": an annotated frame.*\[0, 1, 255\]'):
        labels = torch.zeros(1, 4, 4)
        labels[0, 0, :2] = torch.tensor([1, 255])
        evaluate([make_sample(torch.zeros(1, 4, 4), labels)])
    with pytest.raises(
        ValueError, match=r'"clip": pred_scores has the shape \(1, 4, 4\).*\(1, 8, 8\)'
    ):
        evaluate([make_sample(torch.zeros(1, 4, 4), torch.zeros(1, 8, 8))])
    with pytest.raises(ValueError, match=r'within \[0, 1\]'):
        evaluate([make_sample(torch.full((1, 4, 4), 3.0), torch.zeros(1, 4, 4))])
    with pytest.raises(ValueError, match='at least 1 clip, got 0'):
        AVSBenchMetric(f_batch_size=0)


def test_results_are_one_a_clip_and_small():
    metric = AVSBenchMetric()
    samples = [make_sample(torch.rand(10, 224, 224), torch.ones(10, 224, 224)) for _ in range(2)]
    metric.process({}, [sample.to_dict() for sample in samples])
    assert len(metric.results) == 2
    assert len(pickle.dumps(metric.results[0])) < 5000


def test_sampler_padding_is_cut():
    """mmengine repeats clips until all processes have as many, and cuts what they add."""
    samples = random_samples(5)
    assert evaluate([*samples, samples[0]], size=5) == evaluate(samples)


def test_threshold():
    scores, labels = torch.full((1, 4, 4), 0.4), torch.ones(1, 4, 4)
    metric = METRICS.build(dict(type='AVSBenchMetric', threshold=0.3, prefix='val'))
    metric.process({}, [make_sample(scores, labels).to_dict()])
    assert metric.evaluate(1)['val/mIoU'] == pytest.approx(100, abs=1e-4)


def test_in_an_evaluator():
    samples = random_samples(3)
    evaluator = Evaluator(AVSBenchMetric(f_batch_size=2))
    evaluator.process(data_samples=samples, data_batch={})
    assert evaluator.evaluate(3) == evaluate(samples)


def _score_a_share(rank: int, folder: str) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    metric = AVSBenchMetric(f_batch_size=2, collect_dir=os.path.join(folder, 'collect'))
    samples = random_samples(5)
    # As mmengine's DefaultSampler deals them out: in turn, the first again to fill up.
    share = [*samples, samples[0]][rank::2]
    metric.process({}, [sample.to_dict() for sample in share])
    metrics = metric.evaluate(5)
    with open(os.path.join(folder, f'{rank}.json'), 'w') as file:
        json.dump(metrics, file)
    torch.distributed.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    mp.spawn(_score_a_share, args=(str(tmp_path),), nprocs=2)
    expected = evaluate(random_samples(5))
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected


def test_golden_vct():
    """VCT's and COMBO's evaluator: softmax of two channels, F clip by clip, rounded."""
    arrays, samples = load_golden('metrics_vct')[0], []
    for video in range(3):

        def drawn(name, *shape, high=1.0, video=video):
            values = fill_inputs(f'metrics/bin{video}/{name}', (*shape, 8, 8), 0, high)
            return values.repeat_interleave(7, -1).repeat_interleave(7, -2)

        scores = drawn('scores', 5, 2, high=6)
        guess = (scores[:, 1] > scores[:, 0]).float()
        labels = torch.where(drawn('mix', 5) > 0.4, guess, (drawn('gt', 5) > 0.6).float())
        if video == 2:
            labels[3] = 0
        samples.append(make_sample(two_channel_scores(scores), labels))
        alone = evaluate(samples[-1:], f_batch_size=1)
        for key, name in (('miou', 'avs/mIoU_b1'), ('f', 'avs/Fscore_b1')):
            expected = float(arrays[f'bin{video}_{key}'].item())
            assert alone[name] / 100 == pytest.approx(expected, abs=1e-6)
    metrics = evaluate(samples, f_batch_size=1)
    rounded = [round(metrics[name] / 100, 4) for name in ('avs/mIoU_b1', 'avs/Fscore_b1')]
    assert rounded == pytest.approx(arrays['bin_final'].tolist(), abs=1e-6)

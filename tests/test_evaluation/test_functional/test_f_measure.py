# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch

from mmavs.evaluation.functional import (
    f_curve,
    precision_recall,
    threshold_histogram,
    threshold_index,
    thresholds,
)
from mmavs.testing.goldens import load_golden


@pytest.fixture(scope='module')
def golden():
    return load_golden('metrics_s4')[0]


def histogram(golden, batch):
    scores = torch.from_numpy(golden[f'pred_{batch}']).sigmoid()
    target = torch.from_numpy(golden[f'gt_{batch}']).bool()
    return threshold_histogram(scores, target), target.flatten(1).any(1)


def max_f(curves, has_object):
    return curves[has_object].mean(0).max().item() if has_object.any() else 0.0


def brute_force(scores: torch.Tensor, target: torch.Tensor) -> np.ndarray:
    """F of each frame from the text of the sheet, one threshold at a time."""
    curves = np.zeros((len(scores), 255))
    for frame, (score, mask) in enumerate(zip(scores.numpy(), target.numpy(), strict=True)):
        for i in range(255):
            predicted = score >= np.float32(i / 254)
            true_positive = (predicted & mask).sum()
            precision = true_positive / (predicted.sum() + 1e-20)
            recall = true_positive / (mask.sum() + 1e-20)
            if true_positive:
                curves[frame, i] = 1.3 * precision * recall / (0.3 * precision + recall)
    return curves


@pytest.mark.parametrize('batch', range(4))
def test_golden(golden, batch):
    counts, has_object = histogram(golden, batch)
    curves = f_curve(counts)
    assert max_f(curves, has_object) == pytest.approx(golden['F_per_batch'][batch], abs=1e-6)
    for frame, expected in enumerate(golden[f'maxF_per_image_{batch}']):
        alone = slice(frame, frame + 1)
        assert max_f(curves[alone], has_object[alone]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('key', ['0_4', '0_5', '1_0', '2_0'])
def test_golden_precision_and_recall(golden, key):
    batch, frame = map(int, key.split('_'))
    precision, recall = precision_recall(histogram(golden, batch)[0])
    np.testing.assert_allclose(precision[frame].numpy(), golden[f'precision_{key}'], atol=1e-6)
    np.testing.assert_allclose(recall[frame].numpy(), golden[f'recall_{key}'], atol=1e-6)


def test_golden_means(golden):
    batches = [histogram(golden, batch) for batch in range(4)]
    scores = [max_f(f_curve(counts), has_object) for counts, has_object in batches]
    assert np.mean(scores) == pytest.approx(golden['F_mean_over_batches'].item(), abs=1e-6)
    counts, has_object = (torch.cat(parts) for parts in zip(*batches, strict=True))
    one_batch = max_f(f_curve(counts), has_object)
    assert one_batch == pytest.approx(golden['F_all_as_one_batch'].item(), abs=1e-6)


def test_soft_masks_are_refused(golden):
    scores = torch.from_numpy(golden['pred_1']).sigmoid()
    soft = torch.from_numpy(golden['gt_1']).float() * float(golden['gt_soft_scale'])
    with pytest.raises(TypeError, match='binarise it'):
        threshold_histogram(scores, soft)
    hard = max_f(f_curve(threshold_histogram(scores, soft > 0)), (soft > 0).flatten(1).any(1))
    assert hard == pytest.approx(golden['F_per_batch'][1], abs=1e-6)
    # The golden shows that soft masks would have given another number.
    assert abs(hard - golden['F_soft_gt'].item()) > 1e-4


def test_thresholds_are_the_official_ones_to_one_rounding():
    ours, official = thresholds(), torch.linspace(0, 1 - 1e-10, 255)
    assert ours.dtype == torch.float32
    assert ours[0] == 0
    assert ours[127] == 0.5
    assert ours[254] == official[254] == 1
    np.testing.assert_array_max_ulp(ours.numpy(), official.numpy(), maxulp=1)


def test_threshold_index_is_exact_on_and_around_every_threshold():
    """Rounding is monotone, so what holds for the neighbours of a threshold holds in between."""
    scores = [thresholds().numpy()]
    for direction in (-1, 2):
        neighbour = scores[0]
        for _ in range(8):
            neighbour = np.nextafter(neighbour, np.float32(direction))
            scores.append(neighbour)
    scores = torch.from_numpy(np.concatenate(scores))
    scores = scores[(scores >= 0) & (scores <= 1)]
    reached = (scores[:, None] >= thresholds()).sum(1) - 1
    assert torch.equal(threshold_index(scores).long(), reached)
    # The plain scaled index is wrong somewhere here, so the correction is needed and tested.
    assert not torch.equal((scores * 254).long(), reached)


def test_threshold_index_of_random_scores():
    generator = torch.Generator().manual_seed(0)
    scores = torch.cat(
        [
            torch.rand(200_000, generator=generator),
            (torch.randn(200_000, generator=generator) * 8).sigmoid(),
            torch.tensor([0.0, -0.0, 1.0, 0.5, 1e-45, 1 - 2**-24]),
        ]
    )
    reached = torch.bucketize(scores, thresholds(), right=True) - 1
    assert torch.equal(threshold_index(scores).long(), reached)


def test_curve_equals_brute_force():
    generator = torch.Generator().manual_seed(1)
    scores = torch.rand(6, 16, 12, generator=generator)
    scores[1] = (scores[1] * 254).round() / 254  # exactly on thresholds
    scores[2] = (torch.randn(16, 12, generator=generator) * 200).sigmoid()  # 0 and 1
    scores[3] = 0.5
    target = torch.rand(6, 16, 12, generator=generator) > 0.6
    target[4] = True
    target[5] = False
    counts = threshold_histogram(scores, target)
    assert counts.dtype == torch.int64
    assert counts.sum((1, 2)).eq(16 * 12).all()
    assert torch.equal(counts[:, 1].sum(1), target.sum((1, 2)))
    np.testing.assert_allclose(f_curve(counts).numpy(), brute_force(scores, target), atol=1e-12)


def test_histograms_of_halves_add_up():
    generator = torch.Generator().manual_seed(2)
    scores = torch.rand(3, 8, 8, generator=generator)
    target = torch.rand(3, 8, 8, generator=generator) > 0.5
    whole = threshold_histogram(scores, target)
    halves = threshold_histogram(scores[:, :4], target[:, :4])
    halves = halves + threshold_histogram(scores[:, 4:], target[:, 4:])
    assert torch.equal(whole, halves)
    alone = [threshold_histogram(s[None], t[None]) for s, t in zip(scores, target, strict=True)]
    assert torch.equal(whole, torch.cat(alone))


def test_half_precision_scores_are_compared_as_float32():
    scores = torch.rand(2, 8, 8).half()
    target = torch.rand(2, 8, 8) > 0.5
    expected = threshold_histogram(scores.float(), target)
    assert torch.equal(threshold_histogram(scores, target), expected)


@pytest.mark.parametrize('bad', [-0.01, 1.01, float('nan'), float('inf')])
def test_scores_that_are_no_probabilities(bad):
    scores = torch.full((1, 4, 4), 0.5)
    scores[0, 1, 2] = bad
    with pytest.raises(ValueError, match=r'within \[0, 1\].*sigmoid'):
        threshold_histogram(scores, torch.ones(1, 4, 4, dtype=torch.bool))


def test_shapes_that_differ():
    with pytest.raises(ValueError, match=r'\(1, 4, 4\) and \(1, 4, 5\)'):
        threshold_histogram(torch.zeros(1, 4, 4), torch.ones(1, 4, 5, dtype=torch.bool))


def test_no_frame():
    counts = threshold_histogram(torch.zeros(0, 4, 4), torch.zeros(0, 4, 4, dtype=torch.bool))
    assert counts.shape == (0, 2, 255)
    assert f_curve(counts).shape == (0, 255)

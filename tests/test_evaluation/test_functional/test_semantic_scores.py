# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch

from mmavs.evaluation.functional import (
    ClassScores,
    add_background_frames,
    class_areas,
    class_means,
    frame_class_scores,
)
from mmavs.testing.goldens import fill_inputs, load_golden


def golden_scores(golden, batch, frames=slice(None)) -> ClassScores:
    pred, target = (torch.from_numpy(golden[f'{key}_{batch}'])[frames] for key in ('pred', 'gt'))
    return frame_class_scores(class_areas(pred, target, 71))


@pytest.fixture(scope='module')
def golden():
    return load_golden('metrics_avss')[0]


@pytest.mark.parametrize('batch', [0, 1])
def test_golden_batch(golden, batch):
    scores = golden_scores(golden, batch)
    for values, key in zip(scores, ('iou_sum', 'F_sum', 'count'), strict=True):
        np.testing.assert_allclose(values.numpy(), golden[f'{key}_{batch}'], atol=1e-6)


def test_golden_classes(golden):
    total = ClassScores(*(a + b for a, b in zip(*(golden_scores(golden, i) for i in (0, 1)))))
    iou, f = class_means(total)
    np.testing.assert_allclose(iou.numpy(), golden['iou_per_class'], atol=1e-6)
    np.testing.assert_allclose(f.numpy(), golden['F_per_class'], atol=1e-6)
    assert int((total.count == 0).sum()) == golden['classes_never_counted']


def test_padding_is_so_many_perfect_background_frames(golden):
    """Clip 0 of batch 0 has 5 frames; the official loader made them 10."""
    whole = golden_scores(golden, 0)
    short = golden_scores(golden, 0, [*range(5), *range(10, 20)])
    assert not torch.equal(whole.count, short.count)
    for a, b in zip(whole, add_background_frames(short, 5), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def enlarged(name: str, *shape: int, low: float, high: float) -> torch.Tensor:
    drawn = fill_inputs(f'metrics/{name}', (*shape, 8, 8), low, high)
    return drawn.repeat_interleave(7, -1).repeat_interleave(7, -2)


def test_golden_vct():
    """VCT's AVSS evaluator is the same sum without padded frames."""
    golden = load_golden('metrics_vct')[0]
    total = 0
    for video, frames in enumerate((10, 5)):
        name = f'ss{video}'
        scores = enlarged(f'{name}/scores', frames, 71, low=0, high=6)
        base = enlarged(f'{name}/gt', frames, low=0, high=6).floor().long() * 7
        mix = enlarged(f'{name}/mix', frames, low=0, high=1)
        target = torch.where(mix > 0.5, scores.argmax(1), base)
        target[enlarged(f'{name}/bg', frames, low=0, high=1) > 0.6] = 0
        ours = frame_class_scores(class_areas(scores.softmax(1).argmax(1), target, 71))
        for values, key in zip(ours, ('iou_sum', 'f_sum', 'count'), strict=True):
            np.testing.assert_allclose(values.numpy(), golden[f'{name}_{key}'], atol=1e-6)
        total = total + torch.stack([values.double() for values in ours])
    means = [mean.mean().item() for mean in class_means(ClassScores(*total))]
    # The official evaluator rounds to 4 decimals.
    np.testing.assert_allclose(np.round(means, 4), golden['ss_final'], atol=1e-6)


def test_by_hand():
    target = torch.tensor([[[1, 1], [0, 0]]])
    pred = torch.tensor([[[1, 2], [0, 0]]])
    iou, f, count = frame_class_scores(class_areas(pred, target, 4))
    assert iou.tolist() == pytest.approx([1, 0.5, 0, 0])
    assert f.tolist() == pytest.approx([1, 1.3 * 0.5 / (0.3 + 0.5), 0, 0])
    assert count.tolist() == [1, 1, 1, 0]

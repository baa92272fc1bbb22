# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch

from mmavs.evaluation.functional import class_areas, is_multi_source
from mmavs.testing.goldens import load_golden


def test_equals_counting_one_pixel_at_a_time():
    generator = torch.Generator().manual_seed(0)
    pred = torch.randint(0, 5, (3, 7, 4), generator=generator)
    target = torch.randint(0, 5, (3, 7, 4), generator=generator)
    target[1, :2] = 255
    counts = np.zeros((3, 3, 5), dtype=np.int64)
    for frame, row, column in np.ndindex(3, 7, 4):
        p, t = int(pred[frame, row, column]), int(target[frame, row, column])
        if t != 255:
            counts[0, frame, p] += p == t
            counts[1, frame, p] += 1
            counts[2, frame, t] += 1
    areas = class_areas(pred, target, 5, ignore_index=255)
    for area, expected in zip(areas, counts, strict=True):
        assert area.dtype == torch.int64
        np.testing.assert_array_equal(area.numpy(), expected)
    np.testing.assert_array_equal(areas.union.numpy(), counts[1] + counts[2] - counts[0])


@pytest.mark.parametrize('case', ['vpo22_ignore', 'avss71_ignore', 'binary', 'binary_ignore'])
def test_golden_counts_and_multi_source(case):
    golden = load_golden('metrics_per_dataset')[0]
    confusion = golden[f'{case}/cavp/all.confusion']
    total = 0
    for index in range(4):
        pred, target = (
            torch.from_numpy(golden[f'{case}/{k}/{index}'])[None] for k in ('pred', 'gt')
        )
        assert bool(is_multi_source(target.int())) == golden[f'{case}/cavp/is_ms'][index]
        total = total + torch.stack(class_areas(pred, target, len(confusion), 255))[:, 0]
    np.testing.assert_array_equal(total[0].numpy(), confusion.diagonal())
    np.testing.assert_array_equal(total[1].numpy(), confusion.sum(0))
    np.testing.assert_array_equal(total[2].numpy(), confusion.sum(1))
    np.testing.assert_array_equal(total[0].numpy(), golden[f'{case}/cavp/all.inter'])


def test_multi_source_by_hand():
    frame = torch.zeros(1, 40, 40, dtype=torch.long)
    assert not is_multi_source(frame)
    frame[0, :5] = 3
    assert not is_multi_source(frame)  # background and one class
    frame[0, 10, :] = frame[0, 11, :20] = 7
    frame[0, 12, :] = 7  # 100 pixels, not more
    assert not is_multi_source(frame)
    frame[0, 13, 0] = 7
    assert is_multi_source(frame)
    frame[frame == 7] = 255
    assert is_multi_source(frame)


def test_values_that_are_no_class():
    frame = torch.zeros(1, 2, 2, dtype=torch.long)
    with pytest.raises(ValueError, match='label has values from 0 to 255, expected classes 0 to 2'):
        class_areas(frame, torch.tensor([[[0, 1], [2, 255]]]), 3)
    with pytest.raises(ValueError, match='prediction has values from 0 to 4'):
        class_areas(torch.tensor([[[0, 1], [2, 4]]]), frame, 3, 255)
    with pytest.raises(ValueError, match='prediction has values from 0 to 3'):
        class_areas(torch.tensor([[[0, 1], [2, 3]]]), frame, 3, 255)  # also beside ignored pixels
    with pytest.raises(ValueError, match='label has values from 3 to 3'):
        class_areas(frame, frame + 3, 3, 255)
    with pytest.raises(ValueError, match=r'\(1, 2, 2\) and \(2, 2\)'):
        class_areas(frame, frame[0], 3)


def test_void_pixels_are_of_no_class():
    pred, label = torch.tensor([[[1, 1, 0]]]), torch.tensor([[[1, 255, 255]]])
    areas = class_areas(pred, label, 2, void_index=255)
    assert areas.predicted.tolist() == [[1, 2]] and areas.labelled.tolist() == [[0, 1]]
    assert areas.correct.tolist() == [[0, 1]]


def test_no_frame():
    nothing = torch.zeros(0, 4, 4, dtype=torch.long)
    assert class_areas(nothing, nothing, 3).union.shape == (0, 3)
    assert is_multi_source(nothing).shape == (0,)

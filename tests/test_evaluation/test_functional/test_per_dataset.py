# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch

from mmavs.evaluation.functional import ClassAreas, class_areas, dataset_scores
from mmavs.testing.goldens import load_golden

CASES = {'vpo22': 22, 'avss71': 71, 'binary': 2}


@pytest.fixture(scope='module')
def golden():
    return load_golden('metrics_per_dataset')[0]


def areas_of(golden, case, num_classes, chosen=range(4)) -> ClassAreas:
    total = 0
    for index in chosen:
        pred, target = (
            torch.from_numpy(golden[f'{case}/{k}/{index}'])[None] for k in ('pred', 'gt')
        )
        total = total + torch.stack(class_areas(pred, target, num_classes, 255))[:, 0]
    return ClassAreas(*total)


@pytest.mark.parametrize('subset', ['all', 'ms'])
@pytest.mark.parametrize('ignore', ['', '_ignore'])
@pytest.mark.parametrize('case', CASES)
def test_golden_cavp(golden, case, ignore, subset):
    name, multi = f'{case}{ignore}', golden[f'{case}{ignore}/cavp/is_ms']
    chosen = range(4) if subset == 'all' else np.flatnonzero(multi)
    if not len(chosen):
        assert f'{name}/cavp/ms.miou' not in golden
        return
    areas = areas_of(golden, name, CASES[case], chosen)
    scores = dataset_scores(areas, 'zero')
    key = f'{name}/cavp/{subset}.'
    np.testing.assert_array_equal(areas.union.numpy(), golden[f'{key}union'])
    np.testing.assert_allclose(scores.iou.numpy(), golden[f'{key}iou'], atol=1e-6)
    for values, official in zip(scores, ('miou', 'f03', 'f1', 'fdr'), strict=True):
        mean = values.nanmean().item()
        assert mean == pytest.approx(golden[f'{key}{official}_unrounded'], abs=1e-6)
        assert round(mean, 4) == pytest.approx(golden[f'{key}{official}'])
    accuracy = areas.correct.sum().item() / areas.labelled.sum().item()
    assert round(accuracy, 4) == pytest.approx(golden[f'{key}acc'])


@pytest.mark.parametrize('name', [f'{case}{end}' for case in CASES for end in ('', '_ignore')])
def test_golden_running_values(golden, name):
    for last, expected in enumerate(golden[f'{name}/cavp/running_miou']):
        areas = areas_of(golden, name, CASES[name.removesuffix('_ignore')], range(last + 1))
        assert round(dataset_scores(areas).iou.mean().item(), 4) == pytest.approx(expected)


@pytest.mark.parametrize('case', CASES)
def test_golden_dde(golden, case):
    scores = dataset_scores(areas_of(golden, case, CASES[case]), 'skip')
    for values, key in ((scores.iou, 'iou'), (scores.f, 'fscore_03'), (scores.f1, 'fscore')):
        official = golden[f'{case}/dde/per_class_{key}']
        np.testing.assert_allclose(
            values.nan_to_num(0.0).numpy(), np.nan_to_num(official), atol=1e-6
        )
        mean = golden[f'{case}/dde/mean_{key}'].item()
        assert values.nanmean().item() == pytest.approx(mean, abs=1e-6)


def test_absent_and_missed_classes():
    """Class 1 is nowhere, class 2 is missed, class 3 is only predicted."""
    areas = ClassAreas(*torch.tensor([[8, 0, 0, 0], [8, 0, 0, 2], [8, 0, 2, 0]]))
    zero, skip = dataset_scores(areas, 'zero'), dataset_scores(areas, 'skip')
    assert zero.iou.tolist() == pytest.approx([1, 0, 0, 0])
    assert zero.f.tolist() == pytest.approx([1, torch.nan, 0, 0], nan_ok=True)
    assert skip.iou.tolist() == pytest.approx([1, torch.nan, 0, 0], nan_ok=True)
    assert skip.f.tolist() == pytest.approx([1, torch.nan, 0, 0], nan_ok=True)
    assert zero.fdr.tolist() == pytest.approx([0, torch.nan, torch.nan, 1], nan_ok=True)
    with pytest.raises(ValueError, match="absent is 'nan', expected one of"):
        dataset_scores(areas, 'nan')

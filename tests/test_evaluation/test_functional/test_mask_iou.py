# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch

from mmavs.evaluation.functional import mask_iou
from mmavs.testing.goldens import load_golden


@pytest.fixture(scope='module')
def golden():
    return load_golden('metrics_s4')[0]


def masks(golden, batch):
    """sigmoid(logit) > 0.5 strictly, as the official code has it, so 0 is background."""
    pred = torch.from_numpy(golden[f'pred_{batch}']).sigmoid() > 0.5
    return pred, torch.from_numpy(golden[f'gt_{batch}']).bool()


@pytest.mark.parametrize('batch', range(4))
def test_golden(golden, batch):
    iou = mask_iou(*masks(golden, batch))
    assert iou.dtype == torch.float64
    np.testing.assert_allclose(iou.numpy(), golden[f'iou_per_image_{batch}'], atol=1e-6)
    assert iou.mean().item() == pytest.approx(golden['iou_per_batch'][batch], abs=1e-6)


def test_golden_means(golden):
    batches = [mask_iou(*masks(golden, batch)) for batch in range(4)]
    over_batches = np.mean([iou.mean().item() for iou in batches])
    assert over_batches == pytest.approx(golden['iou_mean_over_batches'].item(), abs=1e-6)
    over_frames = torch.cat(batches).mean().item()
    assert over_frames == pytest.approx(golden['iou_all_as_one_batch'].item(), abs=1e-6)


def test_closed_forms():
    target = torch.zeros(5, 4, 4, dtype=torch.bool)
    pred = torch.zeros_like(target)
    target[0, :2] = True  # 8 pixels, of which 4 found and 2 wrong: 4 / 10
    pred[0, 1] = True
    pred[0, 3, :2] = True
    pred[2, 0] = True  # 4 of 16 pixels wrong where there is no object
    pred[3] = True  # all wrong where there is no object
    target[4] = pred[4] = True
    expected = torch.tensor([0.4, 1.0, 0.75, 0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(mask_iou(pred, target), expected, atol=1e-7, rtol=0)


def test_soft_masks_are_refused(golden):
    """The official formulas give another number on them (golden iou_soft_gt)."""
    pred, target = masks(golden, 1)
    soft = target.float() * float(golden['gt_soft_scale'])
    with pytest.raises(TypeError, match='must be bool, got torch.float32: binarise it'):
        mask_iou(pred, soft)
    hard = mask_iou(pred, soft > 0).mean().item()
    assert hard == pytest.approx(golden['iou_per_batch'][1], abs=1e-6)
    assert abs(hard - golden['iou_soft_gt'].item()) > 1e-2


def test_bad_input():
    target = torch.ones(2, 4, 4, dtype=torch.bool)
    with pytest.raises(TypeError, match='prediction must be bool, got torch.float32'):
        mask_iou(torch.ones(2, 4, 4), target)
    with pytest.raises(ValueError, match=r'\(2, 4, 5\) and \(2, 4, 4\)'):
        mask_iou(torch.ones(2, 4, 5, dtype=torch.bool), target)
    with pytest.raises(ValueError, match=r'\(N, H, W\)'):
        mask_iou(target[0], target[0])


def test_no_frame():
    nothing = torch.zeros(0, 4, 4, dtype=torch.bool)
    assert mask_iou(nothing, nothing).shape == (0,)

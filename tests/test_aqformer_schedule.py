# Copyright (c) mmavs developers. All rights reserved.
"""The schedules of AQFormer's paper (sheet, section 7), and where the model of MS3* comes from."""

from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[1] / 'configs/aqformer'
PAPER = {
    # backbone, data set: clips of a batch, iterations, learning rate
    ('r50', 's4'): (8, 20000, 1.25e-4),
    ('pvt-v2-b5', 's4'): (4, 40000, 1.25e-4),
    ('r50', 'ms3'): (8, 2000, 5e-4),
    ('pvt-v2-b5', 'ms3'): (4, 4000, 5e-4),
}


def name_of(backbone, dataset, start=''):
    batch, iterations, _ = PAPER[backbone, dataset]
    return f'aqformer_{backbone}_vggish{start}_1xb{batch}-{iterations // 1000}k_{dataset}-224x224'


@pytest.mark.parametrize(
    ('backbone', 'dataset', 'start'),
    [(*key, '') for key in PAPER] + [(*key, '_s4-init') for key in PAPER if key[1] == 'ms3'],
)
def test_schedule_is_the_paper_s(backbone, dataset, start):
    config = Config.fromfile(CONFIGS / f'{name_of(backbone, dataset, start)}.py')
    batch, iterations, lr = PAPER[backbone, dataset]
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', lr, 0.05)
    (poly,) = config.param_scheduler
    assert (poly.type, poly.power, poly.end, poly.by_epoch) == ('PolyLR', 0.9, iterations, False)
    assert config.train_cfg.max_iters == iterations
    assert iterations % config.train_cfg.val_interval == 0
    loader = config.train_dataloader
    assert loader.batch_size == batch and loader.dataset.get('frames', 'all') == 'all'


@pytest.mark.parametrize('backbone', ['r50', 'pvt-v2-b5'])
def test_the_model_of_ms3_begins_with_that_of_s4(backbone):
    """With the file that training on S4 leaves in its work folder, whose model is the same."""
    s4 = Config.fromfile(CONFIGS / f'{name_of(backbone, "s4")}.py')
    ms3 = Config.fromfile(CONFIGS / f'{name_of(backbone, "ms3", "_s4-init")}.py')
    last = s4.train_cfg.max_iters
    assert last % s4.default_hooks.checkpoint.interval == 0
    assert ms3.load_from == f'work_dirs/{name_of(backbone, "s4")}/iter_{last}.pth'
    assert ms3.model.to_dict() == s4.model.to_dict()
    assert Config.fromfile(CONFIGS / f'{name_of(backbone, "ms3")}.py').load_from is None

# Copyright (c) mmavs developers. All rights reserved.
"""Weight decay of every parameter of RAVS, and its learning rate over the epochs (sheet 8)."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS

from mmavs.registry import MODELS
from mmavs.utils.meta_tensors import meta_tensors

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
EPOCH = 4  # iterations


@pytest.mark.parametrize(
    'name', ['mit-b5_vggish_1xb8-150e_s4', 'pvt-v2-b5_vggish_1xb50-150e_vpoms']
)
def test_only_matrices_and_kernels_decay(name):
    config = Config.fromfile(CONFIGS / f'ravs/ravs_{name}-224x224.py')
    with meta_tensors():
        model = MODELS.build(config.model)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }
    expected = {
        name: (1e-4, 0.05 if parameter.dim() > 1 else 0.0)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    trained = {name: settings for name, settings in found.items() if name in expected}
    assert trained == expected
    assert not any(name.startswith('audio_encoder') for name in expected)


def test_learning_rate():
    config = Config.fromfile(CONFIGS / '_base_/schedules/schedule_ravs.py')
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-4)
    schedulers = []
    for settings in map(dict, config.param_scheduler):
        settings.pop('convert_to_iter_based')
        scheduler = PARAM_SCHEDULERS.get(settings.pop('type'))
        schedulers.append(
            scheduler.build_iter_from_epoch(
                optimizer, **settings, by_epoch=True, epoch_length=EPOCH
            )
        )
    rates = []
    for _ in range(150 * EPOCH):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    assert rates[0] == pytest.approx(1e-7)
    assert rates[2 * EPOCH] == max(rates) == pytest.approx(1e-4)
    assert rates[EPOCH] == pytest.approx(0.5e-4, rel=0.2)  # on the way up
    assert rates[76 * EPOCH] == pytest.approx(0.7e-4, rel=1e-2)  # half way of the cosine
    assert rates[-1] == pytest.approx(4e-5, rel=1e-3)
    assert all(later <= sooner for sooner, later in zip(rates[2 * EPOCH :], rates[2 * EPOCH + 1 :]))

# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
from mmengine.hooks import Hook

from mmavs.engine import FreezeHook


class Recorder(Hook):
    """Copies the weights before and after every epoch."""

    priority = 'LOWEST'

    def __init__(self):
        self.states = []

    def before_train(self, runner):
        self.after_train_epoch(runner)

    def after_train_epoch(self, runner):
        self.states.append({k: v.clone() for k, v in runner.model.state_dict().items()})


def changed(before, after, prefix, suffixes=('weight', 'bias')):
    keys = [k for k in before if k.startswith(prefix) and k.endswith(suffixes)]
    assert keys
    return [not torch.equal(before[k], after[k]) for k in keys]


def test_backbone_rests_for_the_first_epochs(make_runner):
    recorder = Recorder()
    hook = FreezeHook(modules=('backbone',), epochs=2)
    runner = make_runner('freeze', 3, [hook, recorder])
    runner.train()
    start, first, second, third = recorder.states
    for before, after in ((start, first), (first, second)):
        assert not any(changed(before, after, 'backbone.'))
        # batch norms stay in train mode
        assert all(changed(before, after, 'backbone.', ('running_mean', 'running_var')))
        assert any(changed(before, after, 'decode_head.'))
    assert all(changed(second, third, 'backbone.layer4.1.conv'))


def test_resumed_in_the_frozen_part(make_runner, tmp_path):
    """One epoch, then two more, equals three in one go."""
    hook = dict(type='FreezeHook', modules=('backbone',), epochs=2)
    whole = make_runner('whole', 3, [hook])
    whole.train()
    make_runner('parts', 1, [hook]).train()
    resumed = make_runner('parts', 3, [hook], resume=True)
    resumed.train()
    expected = whole.model.state_dict()
    for key, value in resumed.model.state_dict().items():
        assert torch.allclose(value.float(), expected[key].float(), atol=1e-6), key


def test_what_was_frozen_stays_frozen(make_runner):
    """Only parameters that were trained before are released."""
    runner = make_runner('own', 2, [FreezeHook(modules=('backbone',), epochs=1)])
    runner.model.backbone.conv1.weight.requires_grad_(False)
    runner.train()
    assert not runner.model.backbone.conv1.weight.requires_grad
    assert runner.model.backbone.layer1[0].conv1.weight.requires_grad


def test_unknown_module(make_runner):
    runner = make_runner('unknown', 1, [FreezeHook(modules=('bakbone',), epochs=1)])
    with pytest.raises(ValueError, match=r"no module \['bakbone'\].*'backbone'"):
        runner.train()


def test_a_string_is_no_sequence_of_names():
    with pytest.raises(TypeError, match='got the string "backbone"'):
        FreezeHook(modules='backbone', epochs=1)

# Copyright (c) mmavs developers. All rights reserved.
import torch

HOOK = dict(type='IterationSeedHook')


def weights(runner):
    runner.train()
    return {k: v.float() for k, v in runner.model.state_dict().items()}


def close(first, second):
    return all(torch.allclose(first[key], second[key], atol=1e-6) for key in first)


def test_resumed_equals_uninterrupted_with_dropout(make_runner):
    expected = weights(make_runner('whole', 3, [HOOK], dropout=0.3))
    weights(make_runner('parts', 1, [HOOK], dropout=0.3))
    assert close(weights(make_runner('parts', 3, [HOOK], dropout=0.3, resume=True)), expected)


def test_without_the_hook_they_differ(make_runner):
    """The test above is about something."""
    expected = weights(make_runner('whole', 3, dropout=0.3))
    weights(make_runner('parts', 1, dropout=0.3))
    assert not close(weights(make_runner('parts', 3, dropout=0.3, resume=True)), expected)


def test_steps_draw_different_numbers(make_runner):
    from mmavs.engine import IterationSeedHook

    class FakeRunner:
        seed = 1
        iter = 0

    draws = []
    for FakeRunner.iter in (0, 1, 0):
        IterationSeedHook().before_train_iter(FakeRunner, 0)
        draws.append(torch.rand(1).item())
    assert draws[0] == draws[2] != draws[1]

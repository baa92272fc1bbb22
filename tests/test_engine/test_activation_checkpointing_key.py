# Copyright (c) mmavs developers. All rights reserved.
from one_step import assert_same

from mmavs.engine.hooks import FreezeHook


def test_training_is_the_same(make_runner):
    """The Runner's key, with dropout, batch norms, and a backbone that is frozen for an epoch.

    By mmengine's own implementation the backbone would get no gradient, the head would fail.
    """
    weights = []
    for modules in (None, ['backbone', 'decode_head.decoder.layers', 'decode_head.map_mlp']):
        runner = make_runner(
            f'checkpoint {modules is not None}',
            2,
            [FreezeHook(('backbone',), epochs=1)],
            dropout=0.3,
            cfg=dict(activation_checkpointing=modules),
        )
        before = runner.model.backbone.layer1[0].conv1.weight.detach().clone()
        runner.train()
        weights.append(runner.model.state_dict())
    assert_same(weights[1], weights[0])
    assert (before - weights[1]['backbone.layer1.0.conv1.weight']).abs().max() > 1e-4

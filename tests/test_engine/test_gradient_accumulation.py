# Copyright (c) mmavs developers. All rights reserved.
"""k micro-batches against one batch, in the real wrapper and Runner of mmengine."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from one_step import build, one_step, tiny_config

from mmavs.testing.tiny import random_clip

LEARNING_RATE = 0.1


def normless_config(num_classes=1):
    """Batch norms in eval mode; all other norms are of one frame."""
    config = tiny_config(num_classes=num_classes)
    config['backbone']['norm_eval'] = True
    return config


def gradients(model, clips):
    return {k: v for k, v in one_step(model, clips).items() if k.endswith('.grad')}


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    scale = max(value.abs().max() for value in expected.values())
    for name, value in expected.items():
        assert torch.allclose(found[name], value, atol=1e-5 * scale, rtol=1e-4), name


class KeepsGradients(OptimWrapper):
    """So that what a step was made of can be read after it."""

    def zero_grad(self, **kwargs):
        pass


@pytest.mark.parametrize('num_classes', [1, 5])
@pytest.mark.parametrize(('micro_batches', 'clips_each'), [(4, 1), (2, 2)])
def test_micro_batches_equal_one_batch(micro_batches, clips_each, num_classes):
    """Clips with the same number of annotated frames (1 of 2), for Dice and for cross-entropy."""
    clips = [
        random_clip(2, (32, 32), (0,), num_classes, seed=i)
        for i in range(micro_batches * clips_each)
    ]
    config = normless_config(num_classes)
    expected = gradients(build(config), clips)
    model = build(config)
    weight = model.decode_head.audio_proj.weight
    before = weight.detach().clone()
    wrapper = KeepsGradients(
        torch.optim.SGD(model.parameters(), LEARNING_RATE), accumulative_counts=micro_batches
    )
    for i in range(micro_batches):
        assert torch.equal(weight, before)  # no step yet
        model.train_step(pseudo_collate(clips[i * clips_each : (i + 1) * clips_each]), wrapper)
    assert not torch.equal(weight, before)
    found = {f'{n}.grad': p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert_close(found, expected)


@pytest.mark.parametrize('num_classes', [1, 5])
def test_unequal_numbers_of_annotated_frames(num_classes):
    """A batch is the mean over its frames, accumulation the mean over micro-batches: exactly that,
    and not the same.
    """
    model = build(normless_config(num_classes))
    few = random_clip(5, (32, 32), (0,), num_classes, seed=0)
    many = random_clip(5, (32, 32), None, num_classes, seed=1)
    of_few, of_many = gradients(model, [few]), gradients(model, [many])
    batch = gradients(model, [few, many])
    weighted = {name: (of_few[name] + 5 * of_many[name]) / 6 for name in batch}
    assert_close(weighted, batch)
    mean = {name: (of_few[name] + of_many[name]) / 2 for name in batch}
    difference = sum((mean[name] - batch[name]).norm() ** 2 for name in batch).sqrt()
    assert difference > 0.1 * sum(value.norm() ** 2 for value in batch.values()).sqrt()


class StepRecorder(Hook):
    """Records which iterations change the weights, and the data that each one saw."""

    def before_train(self, runner):
        self.steps, self.clips = [], []
        self.weight = runner.model.decode_head.audio_proj.weight.detach().clone()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.clips.append([sample.clip_id for sample in data_batch['data_samples']])
        weight = runner.model.decode_head.audio_proj.weight.detach()
        if not torch.equal(weight, self.weight):
            self.steps.append(runner.iter + 1)
            self.weight = weight.clone()


def test_when_the_runner_steps(make_runner):
    """4 epochs of 2 iterations, windows of 3: the windows run across epochs, and the last one,
    of 2 iterations, counts as a whole step that is their mean.
    """
    recorder = StepRecorder()
    runner = make_runner(
        'accumulate',
        4,
        [recorder],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=LEARNING_RATE), accumulative_counts=3),
    )
    runner.model.backbone.norm_eval = True
    model = build(normless_config())
    runner.model.load_state_dict(model.state_dict())
    runner.model._is_init = True
    runner.train()
    assert recorder.steps == [3, 6, 8]

    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    for window in (recorder.clips[:3], recorder.clips[3:6], recorder.clips[6:]):
        batches = [
            [random_clip(2, (32, 32), seed=int(name.removeprefix('clip'))) for name in names]
            for names in window
        ]
        total = [gradients(model, batch) for batch in batches]
        for name, parameter in model.named_parameters():
            parts = [part[f'{name}.grad'] for part in total if f'{name}.grad' in part]
            parameter.grad = sum(parts) / len(batches) if parts else None
        optimizer.step()
    expected = model.state_dict()
    for name, value in runner.model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-5, rtol=1e-4), name

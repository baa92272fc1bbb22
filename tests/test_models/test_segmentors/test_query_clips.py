# Copyright (c) mmavs developers. All rights reserved.
"""Whole VCT and COMBO on clips: frames that are left out, frames in which nothing sounds."""

import os
import subprocess
import sys

import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmavs.models.queries.pixel_grouping import PixelGrouping
from mmavs.registry import MODELS
from mmavs.testing.tiny import annotated_frames, random_clip, tiny_combo, tiny_vct

NO_GRADIENT = {
    # of the first weights: the query of deformable attention is multiplied by 0
    'decode_head.pixel_decoder.level_encoding.weight',
    # the same for all queries, over which the softmax is
    'decode_head.query_generator.grouping.q_proj.bias',
}


def build(config):
    """Without init_weights, which makes residual branches of the ResNet zero."""
    torch.manual_seed(0)
    return MODELS.build(config).train()


def losses_and_gradients(model, clips):
    """With the same draws of points, whatever was drawn before."""
    model.zero_grad()
    data = model.data_preprocessor(pseudo_collate(clips), True)
    torch.manual_seed(0)
    losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    return losses, {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.fixture
def pinned_noise(monkeypatch):
    """Gumbel noise that does not depend on which frames are computed together."""

    def draw(self, similarity):
        noise = torch.rand(similarity.shape[1:], generator=torch.Generator().manual_seed(1))
        return -(-noise.log()).log().expand_as(similarity)

    monkeypatch.setattr(PixelGrouping, 'draw_noise', draw)


@pytest.mark.parametrize('waveform', [False, True])
@pytest.mark.parametrize('annotated', [(0,), (1, 3)])
def test_annotated_frames_give_the_losses_and_gradients_of_whole_clips(
    annotated, waveform, pinned_noise
):
    model = build(tiny_vct(num_classes=4))
    settings = dict(annotated=annotated, waveform=waveform, maskige=True, num_classes=4)
    clips = [random_clip(seed=i, **settings) for i in range(2)]
    expected_losses, expected = losses_and_gradients(model, clips)
    short = [annotated_frames(random_clip(seed=i, **settings)) for i in range(2)]
    assert len(short[1]['inputs']['maskige']) == len(annotated)
    losses, found = losses_and_gradients(model, short)
    assert losses.keys() == expected_losses.keys()
    for name, loss in expected_losses.items():
        assert losses[name].item() == pytest.approx(loss.item(), abs=1e-5), name
    for name, grad in expected.items():
        largest = grad.abs().max().item()
        assert (largest < 1e-9) == (name in NO_GRADIENT), name
        assert (found[name] - grad).abs().max() <= 1e-4 * largest + 1e-9, name


@pytest.mark.parametrize('tiny', [tiny_vct, tiny_combo])
@pytest.mark.parametrize('kind', ['silent', 'not annotated', 'one of them silent'])
def test_silent_clips_keep_every_parameter_in_the_graph(tiny, kind):
    """DDP with find_unused_parameters=False needs it; nothing may be NaN."""
    model = build(tiny())
    clips = [random_clip(seed=i, maskige=True) for i in range(2)]
    for clip in clips[kind == 'one of them silent' :]:
        sample = clip['data_samples']
        if kind == 'not annotated':
            sample.gt_sem_seg.data.fill_(255)
            sample.frame_annotated.fill_(False)
        else:
            sample.gt_sem_seg.data.zero_()
    losses, grads = losses_and_gradients(model, clips)
    assert all(loss.isfinite() for loss in losses.values())
    assert (losses['loss_cls'] == 0) == (kind == 'not annotated')
    assert [name for name, grad in grads.items() if grad is None] == []
    assert all(grad.isfinite().all() for grad in grads.values())


def test_silent_clips_train_on_two_processes(root, free_port):
    """For real: gloo, DDP with find_unused_parameters=False, processes with different clips."""
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
    command += [f'--master_port={free_port}', str(root / 'tests/silent_training.py')]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='', PYTHONPATH=str(root)),
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-9000:]
    for rank in (0, 1):
        for method in ('vct', 'combo', 'aqformer'):
            assert f'rank {rank}: {method} trained, 0.0 apart' in result.stdout

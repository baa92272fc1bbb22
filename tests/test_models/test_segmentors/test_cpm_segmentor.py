# Copyright (c) mmavs developers. All rights reserved.
"""CPM: two passes in training, one in a test; frames that give no prompt; what a checkpoint has."""

import os
import subprocess
import sys

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper

from mmavs.models.segmentors import CPMSegmentor
from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip
from mmavs.testing.tiny_cpm import tiny_cpm, tiny_cpm_baseline

CLASSES = 5


def build(config=None):
    torch.manual_seed(0)
    return MODELS.build(config or tiny_cpm(CLASSES)).train()


def clip(classes, seed=0, frames=1):
    """A clip whose labels are stripes of these classes, 255 too."""
    item = random_clip(frames, seed=seed, num_classes=CLASSES)
    label = item['data_samples'].gt_sem_seg.data
    columns = torch.arange(label.shape[-1]) * len(classes) // label.shape[-1]
    label[:] = torch.tensor(classes)[columns]
    if 255 in classes and len(classes) == 1:
        item['data_samples'].frame_annotated.fill_(False)
    return item


def optimizer(model):
    return OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-3))


def step(model, optim_wrapper, number, clips=None):
    """A training step whose draws are decided by its number."""
    torch.manual_seed(number)
    clips = clips or [clip([0, 1], 2 * number), clip([0, 2, 3], 2 * number + 1)]
    return model.train_step(pseudo_collate(clips), optim_wrapper)


def train(model, steps, first=0):
    optim_wrapper = optimizer(model)
    return [step(model, optim_wrapper, number) for number in range(first, first + steps)]


def losses(model, clips, seed=0):
    data = model.data_preprocessor(pseudo_collate(clips), True)
    torch.manual_seed(seed)
    return model(**data, mode='loss')


def filled(model):
    return model.decode_head.classifier.filled.tolist()


def test_prompts_begin_when_a_class_is_known():
    """Class 4 never occurs; the others are fitted after 3 queries, one step later they prompt."""
    model = build()
    found = train(model, 6)
    assert [int(losses['prompts']) for losses in found] == [0, 0, 0, 3, 3, 3]
    assert filled(model) == [True, True, True, True, False, True]
    assert found[0]['vcp.loss_cls'] == found[0]['loss_acp'] == found[0]['loss_pcl'] == 0
    for name in ('vcp.loss_cls', 'vcp.d0.loss_dice', 'loss_acp', 'loss_pcl'):
        assert found[-1][name] > 0
    assert found[-1]['unmixed_frames'] == 2
    assert all(loss.isfinite() for losses in found for loss in losses.values())


CASES = {
    'never seen': ([[0, 4]], 0),
    'one known, one not': ([[0, 1, 4], [0, 2]], 2),
    'empty': ([[255]], 0),
    'background alone': ([[0]], 0),
    'no label and a class': ([[255, 2]], 1),
    'all at once': ([[0], [255], [1, 255], [0, 1, 2, 3]], 4),
}


@pytest.mark.parametrize('case', CASES)
def test_corner_cases_reach_every_parameter(case):
    """Nothing is NaN, and the graph is the same whatever the frames show."""
    kinds, prompts = CASES[case]
    model = build()
    train(model, 4)
    model.zero_grad()
    clips = [clip(classes, 50 + i) for i, classes in enumerate(kinds)]
    found = losses(model, clips)
    assert all(loss.isfinite() for loss in found.values())
    assert found['prompts'] == prompts
    sum(loss for name, loss in found.items() if 'loss' in name).backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not missing
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_a_class_seen_once_is_kept_and_not_yet_asked():
    model = build()
    optim_wrapper = optimizer(model)
    step(model, optim_wrapper, 0, [clip([0, 4])])
    for number in range(1, 5):
        step(model, optim_wrapper, number)
    assert model.decode_head.classifier.memory.enqueued[4] == 1 and not filled(model)[4]
    assert filled(model)[1]


def test_frames_without_all_prompts_are_not_unmixed():
    """The sound of a frame is that of all of its classes: one whose class is unknown is left."""
    model = build()
    train(model, 4)
    found = losses(model, [clip([0, 1, 4], 60), clip([0, 2], 61)])
    assert found['prompts'] == 2 and found['unmixed_frames'] == 1


def test_warm_up_and_lambda():
    model = build(dict(tiny_cpm(CLASSES), warmup_iters=5))
    assert [int(found['prompts']) for found in train(model, 7)] == [0] * 5 + [3, 3]
    halves, whole = build(), build(dict(tiny_cpm(CLASSES), lambda_prompt=1.0))
    train(halves, 4)
    whole.load_state_dict(halves.state_dict())
    clips = [clip([0, 1], 70), clip([0, 2, 3], 71)]
    half, full = losses(halves, clips, 5), losses(whole, clips, 5)
    for name in ('vcp.loss_mask', 'loss_acp', 'loss_pcl'):
        torch.testing.assert_close(2 * half[name], full[name])
    torch.testing.assert_close(half['loss_mask'], full['loss_mask'])


def test_sounds_are_mixed_in_pass_b_only():
    """Pass A has the losses of a model that knows of no prompts."""
    model = build()
    train(model, 4)
    plain = tiny_cpm(CLASSES)
    plain['decode_head'].update(loss_vcp=None, loss_acp=None, loss_pcl=None)
    alone = build(plain)
    alone.load_state_dict(model.state_dict(), strict=False)
    clips = [clip([0, 1], 70), clip([0, 2, 3], 71)]
    model.eval(), alone.eval()  # points are drawn after other draws in training
    heard = []
    model.audio_encoder.register_forward_hook(lambda *_: heard.append(1))
    model.mixing.register_forward_hook(lambda _, args, out: heard.append(out.usable.tolist()))
    found = losses(model, clips)
    assert heard == [[True, True]]
    sounds = model.audio_encoder.encode(torch.cat([c['inputs']['audio'] for c in clips]))
    hook = []
    model.decode_head.register_forward_hook(lambda _, args, out: hook.append(args[1]))
    losses(model, clips)
    torch.testing.assert_close(hook[0].map, sounds.map)
    assert 'loss_acp' not in losses(alone, clips) and found['loss_acp'] > 0


@pytest.mark.parametrize('kinds', ['clips', 'categories'])
def test_binary_tasks_mix_by_clip_or_category(kinds):
    """One class: no two frames are disjoint by class."""
    model = build(dict(tiny_cpm(2), mix_kinds=kinds))
    optim_wrapper = optimizer(model)
    clips = [clip([0, 1], seed) for seed in range(3)]
    for number, item in enumerate(clips):
        labels = torch.zeros(4)
        labels[min(number, 1)] = 1
        item['data_samples'].gt_audio_labels = labels
    for number in range(4):
        found = step(model, optim_wrapper, number, [dict(item) for item in clips])
    assert found['prompts'] == 3
    # of the categories 0, 1, 1 each has a partner of another one; of clips too
    assert found['unmixed_frames'] == 3
    by_class = build(tiny_cpm(2))
    by_class.load_state_dict(model.state_dict())
    assert losses(by_class, clips)['unmixed_frames'] == 0


def test_categories_need_labels():
    model = build(dict(tiny_cpm(2), mix_kinds='categories'))
    with pytest.raises(ValueError, match='mix_kinds=.categories., but the clips have no gt_audio'):
        losses(model, [clip([0, 1])])


def test_a_test_is_that_of_a_plain_model():
    """No part of the training is asked, and the results are those of an AVSegmentor."""
    model = build()
    train(model, 4)
    config = tiny_cpm(CLASSES)
    plain_config = {k: v for k, v in config.items() if k not in ('type',)}
    plain_config['type'] = 'AVSegmentor'
    head = plain_config['decode_head']
    head['type'] = 'QueryMaskHead'
    for name in ('loss_vcp', 'loss_acp', 'loss_pcl'):
        del head[name]
    plain = build(plain_config)
    unused = plain.load_state_dict(model.state_dict(), strict=False)
    assert not unused.missing_keys
    training = ('prompt', 'audio_mask', 'loss_pcl')
    assert all(any(part in key for part in training) for key in unused.unexpected_keys)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval(), plain.eval()
    calls = {'mixing': model.mixing, 'audio_mask': model.decode_head.audio_mask}
    calls['prompt'] = model.decode_head.prompt_proj
    asked = []
    for name, part in calls.items():
        part.register_forward_hook(lambda *_, name=name: asked.append(name))
    layers = []
    for one in (model, plain):
        for layer in one.decode_head.decoder.layers:
            layer.register_forward_hook(lambda *_, one=one: layers.append(id(one)))
    clips = [clip([0, 1], 80), clip([2], 81)]
    with torch.no_grad():
        found, expected = (
            one.test_step(pseudo_collate([dict(item) for item in clips])) for one in (model, plain)
        )
    assert not asked and layers.count(id(model)) == layers.count(id(plain)) == 6
    for mine, theirs in zip(found, expected):
        assert torch.equal(mine.pred_sem_seg.data, theirs.pred_sem_seg.data)
        assert torch.equal(mine.query_labels, theirs.query_labels)
        assert mine.query_labels.shape == (1, 6)
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_resume_is_exact(tmp_path):
    """After 4 steps, a checkpoint, and 3 more: the same as 7 steps, to the last bit."""
    whole, first = build(), build()
    wrapper, wrapper_first = optimizer(whole), optimizer(first)
    expected = [step(whole, wrapper, number) for number in range(7)][-1]
    for number in range(4):
        step(first, wrapper_first, number)
    torch.save(
        dict(model=first.state_dict(), optimizer=wrapper_first.state_dict()), tmp_path / 'x.pth'
    )
    state = torch.load(tmp_path / 'x.pth', weights_only=True)
    second = build(tiny_cpm(CLASSES))
    second.load_state_dict(state['model'])
    wrapper_second = optimizer(second)
    wrapper_second.load_state_dict(state['optimizer'])
    found = [step(second, wrapper_second, number) for number in range(4, 7)][-1]
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_it_learns_two_frames():
    """Masks, names and the un-mixing of both passes get better on what is shown again."""
    model = build()
    optim_wrapper = optimizer(model)
    clips = [clip([0, 1], 0), clip([2, 3], 1)]
    history = [
        step(model, optim_wrapper, number, [dict(item) for item in clips]) for number in range(80)
    ]

    def mean(name, steps):
        return sum(history[number][name] for number in steps) / len(steps)

    names = ('loss_dice', 'loss_cls', 'vcp.loss_dice', 'vcp.loss_cls', 'loss_acp')
    for name in names:
        assert mean(name, range(70, 80)) < 0.9 * mean(name, range(5, 15)), name
    # Pixels of noise have little in common.
    assert mean('loss_pcl', range(70, 80)) < mean('loss_pcl', range(5, 15))


def test_linear_points_in_the_place_of_the_mixture():
    """Table 5: prompts from the first step on, learned by gradients."""
    config = tiny_cpm(CLASSES)
    config['decode_head']['predictor'] = dict(classifier=dict(type='ClassPoints'))
    model = build(config)
    found = losses(model, [clip([0, 1], 0), clip([0, 2, 3], 1)])
    assert found['prompts'] == 3 and found['loss_acp'] > 0
    sum(loss for name, loss in found.items() if 'loss' in name).backward()
    assert model.decode_head.classifier.prompts.weight.grad[1:4].abs().amax(1).min() > 0


def test_errors_name_the_remedy():
    config = tiny_cpm_baseline(CLASSES)
    with pytest.raises(ValueError, match='CPMSegmentor prompts by class, QueryMaskHead cannot'):
        MODELS.build(dict(config, type='CPMSegmentor'))
    config['decode_head']['type'] = 'CPMHead'
    with pytest.raises(ValueError, match='CPMHead needs a classifier that gives prompts'):
        MODELS.build(config)
    with pytest.raises(ValueError, match="mix_kinds must be one of .* got 'frames'"):
        MODELS.build(dict(tiny_cpm(), mix_kinds='frames'))
    config = tiny_cpm(CLASSES)
    config['audio_encoder']['with_pyramid'] = False
    with pytest.raises(ValueError, match='CPMSegmentor mixes .* set with_pyramid=True of VGGish'):
        MODELS.build(config)
    config = tiny_cpm_baseline(CLASSES)
    config['audio_encoder']['with_pyramid'] = False
    with pytest.raises(ValueError, match='set with_pyramid=True of VGGish'):
        losses(build(config), [clip([0, 1])])
    assert issubclass(CPMSegmentor, MODELS.get('AVSegmentor'))


def test_two_processes_hold_equal_mixtures(root, free_port):
    """Other frames on each; on one of them often nothing to prompt; no find_unused_parameters."""
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
    command += [f'--master_port={free_port}', str(root / 'tests/cpm_processes.py')]
    environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(root))
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for rank in (0, 1):
        assert f'rank {rank}: apart 0.0, mixtures equal True, prompts' in done.stdout

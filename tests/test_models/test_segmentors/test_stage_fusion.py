# Copyright (c) mmavs developers. All rights reserved.
"""Sound between the stages of the backbone, in a whole segmentor."""

import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip, tiny_avsegformer
from mmavs.utils.activation_checkpointing import turn_on_activation_checkpointing
from mmavs.utils.complexity import count_flops

MIT = dict(
    type='MixVisionTransformer', embed_dims=8, num_layers=(1, 1, 1, 1), num_heads=(1, 2, 4, 8)
)
SGSM = dict(num_heads=4)
BASELINE = dict(type='CrossAttentionFusion', num_heads=4)
FILTERED = dict(BASELINE, filter_silent=True)


def build(merging=None, audible=True, num_groups=(5, 4, 3), **config):
    """An AVSegFormer's head, whose own sound is not trained, behind a MiT that hears."""
    torch.manual_seed(0)
    config = dict(tiny_avsegformer(), backbone=MIT, **config)
    if merging is not None:
        config['fusion'] = dict(
            type='AudioGuidedMerging',
            channels=(8, 16, 32),
            num_groups=num_groups,
            audio_channels=16,
            merging=merging,
        )
    model = MODELS.build(config)
    model.init_weights()
    for parameter in model.fusion.parameters() if merging is not None and audible else ():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def batch(model, lengths, training=True, annotated=None, first=0):
    items = [
        random_clip(length, annotated=annotated, seed=first + i) for i, length in enumerate(lengths)
    ]
    return model.data_preprocessor(pseudo_collate(items), training)


def test_the_sound_reaches_the_maps_and_the_merges_the_head():
    model = build(SGSM).eval()
    data = batch(model, (2, 3), training=False)
    outputs = model(**data, mode='tensor')
    merges = outputs.aux['merges']
    shapes = [[tuple(part.shape) for part in merge] for merge in merges]
    assert shapes == [
        [(6, 16, 24), (6, 16, 24), (6, 5, 8), (6, 8)],
        [(6, 8, 12), (6, 8, 12), (6, 4, 16), (6, 16)],
        [(6, 4, 6), (6, 4, 6), (6, 3, 32), (6, 32)],
    ]
    assert not merges[0].relevance[2].any() and merges[0].relevance[5].any()  # row 2 is padding
    seen = []
    model.decode_head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model(**data, mode='tensor')
    data['inputs']['audio'] = data['inputs']['audio'] + 1
    model(**data, mode='tensor')
    assert all(not torch.allclose(a, b) for a, b in zip(*seen))


def test_a_stage_without_module_is_left_alone():
    model = build(SGSM).eval()
    feat = torch.randn(2, 64, 2, 3)
    found, merge = model.fusion(3, feat, None, None)
    assert found is feat and merge is None


@pytest.mark.parametrize('keys', ['frame', 'clip'])
@pytest.mark.parametrize('merging', [SGSM, BASELINE, FILTERED])
def test_clips_of_a_batch_do_not_see_each_other(merging, keys):
    """A short and a long clip together as one by one, in training: maps and groups of each."""
    groups = (5, 4, 3) if merging is SGSM else None
    model = build(dict(merging, keys=keys), num_groups=groups)
    seen = []
    model.decode_head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model(**batch(model, (2, 4)), mode='loss')
    for first, length in ((0, 2), (1, 4)):
        model(**batch(model, (length,), first=first), mode='loss')
    for together, short, long in zip(*seen):
        torch.testing.assert_close(together, torch.cat([short, long]), rtol=1e-4, atol=1e-5)


def test_padded_frames_computed_along_change_nothing():
    plain, padded = (
        build(FILTERED, num_groups=None, train_cfg=dict(compute_padded_frames=flag))
        for flag in (False, True)
    )
    seen = []
    for model in (plain, padded):
        model.decode_head.register_forward_pre_hook(lambda _, args: seen.append(args))
        model(**batch(model, (2, 4)), mode='loss')
    for found, expected in zip(seen[1][0], seen[0][0]):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(seen[1][1].embed, seen[0][1].embed)
    assert seen[1][2].is_full == seen[0][2].is_full


def test_merges_have_valid_rows_only():
    model = build(SGSM, train_cfg=dict(compute_padded_frames=True))
    seen = []
    loss = model.decode_head.loss
    model.decode_head.loss = lambda outputs, *args: seen.append(outputs) or loss(outputs, *args)
    model(**batch(model, (2, 4)), mode='loss')
    assert all(len(part) == 6 for merge in seen[0].aux['merges'] for part in merge)


def test_ground_truth_filters_in_training_alone():
    model = build(FILTERED, num_groups=None)
    calls = []
    for merge in model.fusion.merges.values():
        merge.register_forward_pre_hook(lambda _, args: calls.append(args[3]))
    data = batch(model, (2, 3), annotated=(0,))
    model(**data, mode='loss')
    labels = torch.cat([sample.gt_sem_seg.data for sample in data['data_samples']])
    valid = torch.cat([sample.frame_valid for sample in data['data_samples']])
    assert len(calls) == 3 and all(torch.equal(call, (labels != 0)[valid]) for call in calls)
    assert calls[0][1].all() and not calls[0][0].all()  # no label: no filter
    calls.clear()
    model.eval()(**batch(model, (2,), training=False), mode='predict')
    assert calls == [None] * 3


@pytest.mark.parametrize('merging', [SGSM, BASELINE])
def test_every_parameter_gets_a_gradient_without_annotated_frames(merging):
    """What distributed training without find_unused_parameters needs."""
    model = build(merging, num_groups=(5, 4, 3) if merging is SGSM else None)
    losses = model(**batch(model, (2,), annotated=()), mode='loss')
    sum(losses.values()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_a_gain_of_zero_leaves_the_backbone_as_it_was():
    silent = build(dict(SGSM, init_gain=0.0), audible=False).eval()
    plain = build().eval()
    plain.load_state_dict(
        {k: v for k, v in silent.state_dict().items() if not k.startswith('fusion.')}
    )
    data = batch(plain, (2,), training=False)
    found, expected = (model(**data, mode='tensor') for model in (silent, plain))
    assert torch.equal(found.logits, expected.logits)
    assert 'merges' in found.aux and 'merges' not in expected.aux


@pytest.mark.parametrize('modules', ['backbone', 'fusion.merges.*'])
def test_activation_checkpointing_changes_nothing(modules):
    plain, checkpointed = build(SGSM), build(SGSM)
    turn_on_activation_checkpointing(checkpointed, [modules])
    for model in (plain, checkpointed):
        sum(model(**batch(model, (2,)), mode='loss').values()).backward()
    for (name, p), q in zip(plain.named_parameters(), checkpointed.parameters()):
        torch.testing.assert_close(q.grad, p.grad, msg=name)


def test_bfloat16_autocast():
    """Losses stay close, and the tokens are clustered in float32 on the maps as they come."""
    model = build(SGSM)
    seen = []
    for merge in model.fusion.merges.values():
        merge.register_forward_hook(lambda module, args, out: seen.append((module, args[0], out)))
    data = batch(model, (2,))
    exact = model(**data, mode='loss')
    seen.clear()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        rounded = model(**data, mode='loss')
    for name, loss in exact.items():
        assert rounded[name].item() == pytest.approx(loss.item(), rel=0.05)
    for module, feat, (_, merge) in seen:
        assert torch.equal(module.assign(feat), merge.assignment)


def test_operations_are_counted():
    model = build(SGSM)
    inputs = batch(model, (2,))['inputs']
    complexity = count_flops(model, inputs)
    assert complexity.flops['fusion'] > 0 and complexity.trainable['fusion'] > 0
    assert complexity.flops['backbone'] == count_flops(build(), inputs).flops['backbone']


def test_refusals():
    with pytest.raises(ValueError, match='ResNet does not allow: take PVTv2'):
        MODELS.build(dict(tiny_avsegformer(), fusion=dict(type='AudioGuidedMerging')))
    with pytest.raises(ValueError, match=r'one entry a stage, got \(0, 1\)'):
        MODELS.build(dict(type='AudioGuidedMerging', stages=(0, 1)))
    fusion = dict(type='AudioGuidedMerging', channels=(16, 16, 32), audio_channels=16)
    model = MODELS.build(dict(tiny_avsegformer(), backbone=MIT, fusion=fusion))
    with pytest.raises(ValueError, match=r'Stage 0 .* has 8 channels, model.fusion.channels says'):
        model(**batch(model, (2,)), mode='loss')

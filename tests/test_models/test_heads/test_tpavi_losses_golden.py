# Copyright (c) mmavs developers. All rights reserved.
"""TPAVI's losses and their gradients against the official ones."""

import pytest
import torch

from mmavs.models.losses import AudioVisualMappingLoss
from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX, MaskOutputs
from mmavs.testing.goldens import load_golden
from mmavs.testing.tiny import tiny_tpavi

TOLERANCE = 1e-4
S4 = dict(mask='scores', distance='cosine', threshold=0.5, all_frames=True)
AVSS = dict(mask='classes', reduction='mean')
CASES = {
    's4_plain': None,
    's4_sa_avg': S4,
    's4_sa_max': dict(S4, pooling='max'),
    'ms3_plain': None,
    'ms3_train_sh': {},
    'ms3_kl_norm': dict(normalize=True),
    'ms3_kl_threshold': dict(threshold=0.5),
    'ms3_kl_max': dict(pooling='max'),
    'ms3_euclid': dict(distance='euclidean', normalize=True),
    'ms3_closer_kl': dict(nearest_audio=True),
    'ms3_closer_kl_norm': dict(nearest_audio=True, normalize=True),
    'ms3_closer_euclid_norm': dict(nearest_audio=True, normalize=True, distance='euclidean'),
    'avss_plain': None,
    'avss_train_sh': AVSS,
    'avss_kl_norm': dict(AVSS, normalize=True),
    'avss_kl_threshold': dict(AVSS, threshold=0.5),
    'avss_closer_kl': AVSS,  # the official code compares with the frame's own sound there
}


@pytest.fixture(scope='module')
def arrays():
    return load_golden('losses_tpavi')[0]


def ground_truth(arrays, task):
    """(N, H, W) classes and which frames have them."""
    if task == 'avss':
        return torch.from_numpy(arrays['avss_gt']).long(), torch.from_numpy(
            arrays['avss_gt_flag']
        ).bool()
    annotated = torch.ones(10, dtype=torch.bool)
    if task == 'ms3':
        return torch.from_numpy(arrays['gt_ms3']).squeeze(1).long(), annotated
    target = torch.full((10, 32, 32), IGNORE_INDEX)
    target[::5] = torch.from_numpy(arrays['gt_s4']).squeeze().long()
    annotated[:] = False
    annotated[::5] = True
    return target, annotated


@pytest.mark.parametrize('case', CASES)
def test_values_and_gradients(case, arrays):
    task = case.split('_')[0]
    prefix = 'avss_' if task == 'avss' else ''
    logits = torch.from_numpy(arrays[f'{prefix}pred']).requires_grad_()
    maps, sounds = (
        [torch.from_numpy(arrays[f'{prefix}{name}_{i}']).requires_grad_() for i in range(4)]
        for name in ('v_map', 'a_fea')
    )
    config = tiny_tpavi(71 if task == 'avss' else 1)['decode_head']
    options = CASES[case]
    has_avm = options is not None
    config['loss_avm'] = dict(type='AudioVisualMappingLoss', **options) if has_avm else None
    head = MODELS.build(config)
    outputs = MaskOutputs(
        logits, aux=dict(feature_maps=maps, audio_features=[x.flatten(0, 1) for x in sounds])
    )
    losses = head.loss(outputs, *ground_truth(arrays, task))
    total = sum(losses.values())
    expected = arrays[case]
    assert total.item() == pytest.approx(expected[0], abs=TOLERANCE)
    assert losses['loss_mask'].item() == pytest.approx(expected[1], abs=TOLERANCE)
    if has_avm:
        assert losses['loss_avm'].item() == pytest.approx(expected[2] * 0.5, abs=TOLERANCE)
    total.backward()
    for name, tensor in (('pred', logits), ('a0', sounds[0]), ('v0', maps[0])):
        key = f'{case}_grad_{name}_absmean'
        if key in arrays:
            found = 0.0 if tensor.grad is None else tensor.grad.abs().mean().item()
            assert found == pytest.approx(float(arrays[key]), rel=1e-3, abs=1e-10), key


def test_infinite_self_distance_excludes_the_frame_itself(arrays):
    """With the official 10 the nearest sound is the frame's own, and the loss is 0."""
    sounds = [torch.from_numpy(arrays[f'a_fea_{i}']).flatten(0, 1) for i in range(4)]
    maps = [torch.from_numpy(arrays[f'v_map_{i}']) for i in range(4)]
    logits = torch.from_numpy(arrays['pred'])
    loss = AudioVisualMappingLoss(nearest_audio=True, self_distance=float('inf'))
    assert loss(logits, maps, sounds) > 1e-3
    nearest = loss._nearest(sounds[0])
    assert (nearest != torch.arange(10)).all()


def test_autocast_does_not_change_the_loss(arrays):
    sounds = [torch.from_numpy(arrays[f'a_fea_{i}']).flatten(0, 1) for i in range(4)]
    maps = [torch.from_numpy(arrays[f'v_map_{i}']) for i in range(4)]
    logits = torch.from_numpy(arrays['pred'])
    loss = AudioVisualMappingLoss()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = loss(logits, maps, sounds)
    assert found.item() == loss(logits, maps, sounds).item()


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="mask must be one of .* got 'labels'"):
        AudioVisualMappingLoss(mask='labels')
    loss = AudioVisualMappingLoss(stages=(0, 2))
    with pytest.raises(ValueError, match=r'stages names \[2\]'):
        loss(
            torch.zeros(1, 1, 4, 4), [torch.zeros(1, 2, 2, 2)] * 3, [torch.zeros(1, 2), None, None]
        )

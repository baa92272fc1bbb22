# Copyright (c) mmavs developers. All rights reserved.
"""Every released checkpoint to ours and back, by name, shape and value."""

import pytest
import torch
from official_names import CHECKPOINTS, official_checkpoint, official_entries

from mmavs.converters import CONVERTERS
from mmavs.testing.goldens import load_manifest, official_state_dict

DEAD = {
    'avsegformer': {'head.fpn', 'head.attn_fc'},
    'tpavi': {'path4.resConfUnit1'},
}
DEAD_BRANCH = {
    'avsegformer': {'backbone.layer3_2', 'backbone.layer4_2'},
    'tpavi': {'resnet.layer3_2', 'resnet.layer4_2'},
}
TENSORS = {
    ('avsegformer', 'resnet', 's4'): 853,
    ('avsegformer', 'pvt', 's4'): 1413,
    ('tpavi', 'resnet', 's4'): 630,
    ('tpavi', 'pvt', 's4'): 1190,
    ('tpavi', 'pvt', 'avss'): 1186,
}


def shapes(state_dict):
    return {name: tuple(tensor.shape) for name, tensor in state_dict.items()}


def equal(one, other):
    """Whether two state dicts have the same names, shapes, dtypes and values."""
    return set(one) == set(other) and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


@pytest.mark.parametrize('checkpoint', TENSORS, ids='_'.join)
def test_the_lists_are_those_of_the_sheets(checkpoint):
    assert len(official_entries(*checkpoint)) == TENSORS[checkpoint]


def test_derived_list_is_the_official_one():
    derived = {tuple(map(str, entry)) for entry in official_entries('avsegformer', 'pvt', 'avss')}
    stored = load_manifest('avsegformer_pvt_avss')['state_dict']
    assert derived == {tuple(map(str, entry)) for entry in stored}


@pytest.mark.parametrize('checkpoint', CHECKPOINTS, ids='_'.join)
def test_there_and_back(checkpoint):
    method, backbone, _ = checkpoint
    official = official_checkpoint(*checkpoint)
    there = CONVERTERS[method](official)
    back = CONVERTERS[method].revert(there.state_dict)

    assert len(there.renamed) + len(there.dropped) == len(official)
    dead = DEAD[method] | (DEAD_BRANCH[method] if backbone == 'resnet' else set())
    assert {'.'.join(name.split('.')[:2]) for name in there.dropped} == dead
    assert all(there.dropped.values())

    # what is used is as it was, and what is not has its place again
    assert shapes(back.state_dict) == shapes(official)
    assert set(back.filled) == set(there.dropped)
    assert equal(
        {name: back.state_dict[name] for name in there.renamed},
        {name: official[name] for name in there.renamed},
    )
    # and ours, back and there, is as it was
    assert equal(CONVERTERS[method](back.state_dict).state_dict, there.state_dict)


def test_values_keep_their_order():
    official = official_state_dict(official_entries('tpavi', 'resnet', 's4'))
    there = CONVERTERS['tpavi'](official)
    kernel = official['tpavi_b2.W_z.0.weight']
    assert torch.equal(
        there.state_dict['decode_head.fusions.1.out_proj.weight'], kernel[..., 0, 0, 0]
    )
    back = CONVERTERS['tpavi'].revert(there.state_dict).state_dict
    assert all(torch.equal(back[name], official[name]) for name in there.renamed)


def test_dead_branch_is_a_copy_of_the_live_one():
    official = official_checkpoint('avsegformer', 'resnet', 's4')
    back = CONVERTERS['avsegformer'].revert(CONVERTERS['avsegformer'](official).state_dict)
    live = official['backbone.layer3_1.0.bn1.running_mean']
    assert torch.equal(back.state_dict['backbone.layer3_2.0.bn1.running_mean'], live)


@pytest.mark.parametrize('method', sorted({method for method, *_ in CHECKPOINTS}))
def test_unknown_tensors_are_refused(method):
    official = official_checkpoint(method, 'resnet', 's4')
    extra = {**official, 'head.extra.weight': torch.zeros(1)}
    with pytest.raises(ValueError, match=rf"1 of {len(extra)} tensors.*'head.extra.weight'"):
        CONVERTERS[method](extra)
    ours = CONVERTERS[method](official).state_dict
    with pytest.raises(ValueError, match=r"'extra.weight'.*another model"):
        CONVERTERS[method].revert({**ours, 'extra.weight': torch.zeros(1)})


def test_sound_stays_out_of_a_tpavi_file():
    ours = CONVERTERS['tpavi'](official_checkpoint('tpavi', 'pvt', 'avss')).state_dict
    sound = {'audio_encoder.features.0.weight': torch.zeros(64, 1, 3, 3)}
    back = CONVERTERS['tpavi'].revert({**ours, **sound})
    assert set(back.dropped) == set(sound)
    assert not any('features' in name for name in back.state_dict)

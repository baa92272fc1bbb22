# Copyright (c) mmavs developers. All rights reserved.
"""Every official key is mapped, dropped for a reason, or refused."""

import pytest
import torch

from mmavs.converters import CONVERTERS, Drop, Rename, convert, unwrap_state_dict
from mmavs.testing.goldens import load_golden

convert_avsegformer = CONVERTERS['avsegformer']


def names(case):
    entries = load_golden(case)[1]['state_dict']
    return {name: torch.empty(0) for name, _, _ in entries}


def test_resnet_drops_only_what_the_sheet_calls_dead():
    conversion = convert_avsegformer(names('avsegformer_r50_s4'))
    prefixes = {'.'.join(name.split('.')[:2]) for name in conversion.dropped}
    assert prefixes == {'backbone.layer3_2', 'backbone.layer4_2', 'head.fpn', 'head.attn_fc'}
    assert all(conversion.dropped.values())


def test_pvt_drops_only_dead_head_parts():
    conversion = convert_avsegformer(names('avsegformer_pvt_s4'))
    prefixes = {'.'.join(name.split('.')[:2]) for name in conversion.dropped}
    assert prefixes == {'head.fpn', 'head.attn_fc'}


def test_unknown_keys_are_refused():
    with pytest.raises(ValueError, match=r"1 of 854 tensors.*'head.extra.weight'"):
        convert_avsegformer({**names('avsegformer_r50_s4'), 'head.extra.weight': torch.empty(0)})


def test_two_tensors_with_one_name_are_refused():
    rules = [Rename(r'[ab]\.', 'c.')]
    with pytest.raises(ValueError, match='both become "c.weight"'):
        convert({'a.weight': torch.empty(0), 'b.weight': torch.empty(0)}, rules)


def test_first_rule_wins():
    conversion = convert({'a.b': torch.empty(0)}, [Drop(r'a\.b', 'why'), Rename(r'a\.', 'c.')])
    assert conversion.dropped == {'a.b': 'why'}
    assert not conversion.state_dict


@pytest.mark.parametrize('wrapper', [None, 'state_dict', 'model'])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_unwrap(wrapper, prefix):
    weights = {f'{prefix}a.weight': torch.ones(1)}
    checkpoint = {wrapper: weights, 'epoch': 3} if wrapper else weights
    assert unwrap_state_dict(checkpoint) == {'a.weight': torch.ones(1)}


@pytest.mark.parametrize('checkpoint', [{}, {'epoch': 3}, {'state_dict': {'a': 'text'}}])
def test_unwrap_refuses_what_holds_no_weights(checkpoint):
    with pytest.raises(ValueError, match='Expected a state dict of tensors'):
        unwrap_state_dict(checkpoint)

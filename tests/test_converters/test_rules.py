# Copyright (c) mmavs developers. All rights reserved.
"""The rules by themselves: templates, order, reshaping, refusals, and what files are wrapped in."""

import pytest
import torch

from mmavs.converters import Drop, Extra, Rename, convert, revert, unwrap_state_dict
from mmavs.converters.rules import squeeze_kernel, translate

ONE = torch.ones(1)


@pytest.mark.parametrize(
    ('name', 'source', 'target', 'expected'),
    [
        ('conv2.weight', 'conv{i+1}.', 'convs.{i}.', 'convs.1.weight'),
        ('convs.1.weight', 'convs.{i}.', 'conv{i+1}.', 'conv2.weight'),
        ('a.10.norm3.bias', 'a.{n}.norm{i+1}.', 'b.{i}.c.{n}.', 'b.2.c.10.bias'),
        ('level', 'level', 'embed', 'embed'),
        ('level_2', 'level', 'embed', None),  # a whole name
        ('level\n', 'level', 'embed', None),
        ('aXb.weight', 'a.b.', 'c.', None),  # a dot is a dot
        ('x.conv2.weight', 'conv{i+1}.', 'convs.{i}.', None),  # from the start of the name
        ('conv0.weight', 'conv{i+1}.', 'convs.{i}.', None),  # i would be -1
        ('convx.weight', 'conv{i+1}.', 'convs.{i}.', None),
    ],
)
def test_templates(name, source, target, expected):
    assert translate(name, source, target) == expected


def test_first_rule_wins_in_both_directions():
    rules = [Rename('a.b.', 'x.y.'), Rename('a.', 'x.')]
    conversion = convert({'a.b.c': ONE, 'a.d': ONE}, rules)
    assert conversion.renamed == {'a.b.c': 'x.y.c', 'a.d': 'x.d'}
    assert revert(conversion.state_dict, rules).renamed == {'x.y.c': 'a.b.c', 'x.d': 'a.d'}


def test_shapes_change_and_change_back():
    rules = [Rename('conv.weight', 'linear.weight', squeeze_kernel(3))]
    official = {'conv.weight': torch.randn(4, 1, 1, 1, 1)}  # one input channel, which stays
    ours = convert(official, rules).state_dict
    assert ours['linear.weight'].shape == (4, 1)
    back = revert(ours, rules).state_dict
    assert back['conv.weight'].shape == official['conv.weight'].shape
    assert torch.equal(back['conv.weight'], official['conv.weight'])


def test_dropped_tensors_come_back_as_copies_of_their_twins():
    rules = [Drop('dead.{i}.', 'why', twin='alive.{i}.'), Rename('alive.', 'ours.')]
    official = {'alive.1.w': torch.randn(2), 'dead.1.w': torch.zeros(2)}
    conversion = convert(official, rules)
    assert conversion.dropped == {'dead.1.w': 'why'}
    back = revert(conversion.state_dict, rules)
    assert back.filled == {'dead.1.w': 'alive.1.w'}
    assert torch.equal(back.state_dict['dead.1.w'], official['alive.1.w'])
    back.state_dict['dead.1.w'].zero_()  # not the same memory
    assert torch.equal(back.state_dict['alive.1.w'], official['alive.1.w'])


def test_what_only_we_have_is_left_out():
    rules = [Extra('sound.', 'elsewhere'), Rename('a.', 'b.')]
    conversion = revert({'sound.w': ONE, 'b.w': ONE}, rules)
    assert conversion.dropped == {'sound.w': 'elsewhere'}
    assert set(conversion.state_dict) == {'a.w'}


@pytest.mark.parametrize('turn', [convert, revert])
def test_unknown_names_are_refused(turn):
    with pytest.raises(ValueError, match=r"1 of 2 tensors .* \['c\.w'\]"):
        turn({'a.w': ONE, 'c.w': ONE}, [Rename('a.', 'a.'), Drop('b.', 'why'), Extra('d.', 'why')])


def test_two_tensors_with_one_name_are_refused():
    rules = [Rename('a.', 'c.'), Rename('b.', 'c.')]
    with pytest.raises(ValueError, match='both become "c.weight"'):
        convert({'a.weight': ONE, 'b.weight': ONE}, rules)


@pytest.mark.parametrize('wrapper', [None, 'state_dict', 'model'])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_unwrap(wrapper, prefix):
    weights = {f'{prefix}a.weight': torch.ones(1)}
    checkpoint = {wrapper: weights, 'epoch': 3} if wrapper else weights
    assert unwrap_state_dict(checkpoint) == {'a.weight': torch.ones(1)}


@pytest.mark.parametrize('checkpoint', [{}, {'epoch': 3}, {'state_dict': {'a': 'text'}}, [ONE]])
def test_unwrap_refuses_what_holds_no_weights(checkpoint):
    with pytest.raises(ValueError, match='Expected a state dict of tensors'):
        unwrap_state_dict(checkpoint)

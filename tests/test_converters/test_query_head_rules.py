# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.converters import convert, revert
from mmavs.converters.query_generators import QUERY_GENERATOR_RULES
from mmavs.converters.query_head_rules import QUERY_HEAD_RULES
from mmavs.testing.goldens import load_manifest

RULES = [*QUERY_HEAD_RULES, *QUERY_GENERATOR_RULES]


@pytest.mark.parametrize(
    'case', ['vct_head_avss_tiny', 'vct_head_s4_tiny', 'combo_head_ms3_tiny', 'vct_pixel_decoder']
)
def test_official_names_come_back(case):
    official = {name: torch.empty(0) for name, _, _ in load_manifest(case)['state_dict']}
    there = convert(official, RULES)
    assert not there.dropped
    assert all(name.startswith('decode_head.') for name in there.state_dict)
    assert set(revert(there.state_dict, RULES).state_dict) == set(official)


def test_tensors_of_the_criterion():
    found = convert(
        {f'criterion.{x}': torch.empty(0) for x in ('logit_scale', 'empty_weight')}, RULES
    )
    assert set(found.state_dict) == {'decode_head.loss_pac.logit_scale'}
    assert set(found.dropped) == {'criterion.empty_weight'}

# Copyright (c) mmavs developers. All rights reserved.
"""Every fault that is planted is found and named; clean trees give nothing but notes."""

from pathlib import Path

import pytest
from planted_faults import FAULTS
from synth_trees import CONFIGS

from mmavs.datasets.doctor import CATALOGUE, examine

ALL = [(tree, name) for tree, faults in FAULTS.items() for name in faults]
WARNINGS = {
    'sound_shorter_than_the_frames',
    'sound_too_long',
    'sound_silent',
    'sound_clipped',
    'sound_twice_in_a_split',
    'one_frame_of_a_training_clip',
    'sixth_frame',
    'sound_without_row',
    'clip_without_row',
    'category_without_row',
    'clip_without_row_in_v1m',
    'class_numbers_with_a_gap',
    'recording_of_two_seconds',
    'picture_without_row',
}
FOLLOWS = {
    'row_lost': {'unlisted_clips', 'unlisted_files'},
    'row_twice': {'clip_count'},
    'clip_in_two_splits': {
        'clip_count',
        'missing_masks',
        'missing_audio',
        'duplicate_across_splits',
    },
    'picture_in_two_splits': {'clip_count', 'duplicate_across_splits'},
    'class_missing': {'data_list'},
}
"""dict: What else a fault brings with it."""


def serious(diagnosis):
    return [finding for finding in diagnosis.findings if finding.severity != 'info']


@pytest.mark.parametrize('name', CONFIGS)
def test_a_clean_tree_is_clean(clean_trees, config, name):
    diagnosis = examine(config(name, clean_trees[name]), workers=0)
    assert serious(diagnosis) == []
    assert {finding.check for finding in diagnosis.findings} <= {'empty_masks'}
    clips = {'s4': 19, 'ms3': 7, 'avss': 7, 'vpo_ss': 4, 'vpo_ms': 4, 'vpo_msmi': 6}
    assert sum(diagnosis.clips.values()) == clips[name]
    fast = examine(config(name, clean_trees[name]), workers=0, fast=True)
    assert fast.findings == [] and fast.clips == diagnosis.clips and fast.files == diagnosis.files


@pytest.mark.parametrize('name, fault', ALL, ids=[f'{name}-{fault}' for name, fault in ALL])
def test_every_fault_is_found(tree, config, name, fault):
    root = tree(name)
    check, file = FAULTS[name][fault](root)
    diagnosis = examine(config(name, root), workers=0)
    findings = serious(diagnosis)
    (found, *_) = [finding for finding in findings if finding.check == check]
    assert Path(found.file) == file
    assert found.severity == ('warning' if fault in WARNINGS else 'error')
    assert bool(diagnosis.count('error')) == (fault not in WARNINGS)
    assert {finding.check for finding in findings} <= {check} | FOLLOWS.get(fault, set())
    assert found.found and found.expected and found.remedy
    if check not in ('clip_count', 'data_list', 'class_list', 'duplicate_id', 'unlisted_files'):
        assert found.clip or check == 'unlisted_clips'


HIDE_OTHERS = {'row_of_unknown_split', 'row_lost'}


def test_many_faults_at_once(tree, config):
    """But those that hide others: without a list no clip is looked at."""
    root = tree('s4')
    planted = {
        fault: plant(root) for fault, plant in FAULTS['s4'].items() if fault not in HIDE_OTHERS
    }
    assert len(planted) >= 20
    diagnosis = examine(config('s4', root), workers=2)
    found = {(finding.check, Path(finding.file)) for finding in diagnosis.findings}
    assert set(planted.values()) <= found


def test_the_catalogue_knows_every_fault_that_is_planted():
    assert len(CATALOGUE) >= 12 and len(ALL) >= 40
    for info in CATALOGUE.values():
        assert info.finds and info.severity in ('error', 'warning', 'info')

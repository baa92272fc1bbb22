# Copyright (c) mmavs developers. All rights reserved.
"""The tables of broad groups, and files that say what is heard."""

from collections import Counter

import pytest

from mmavs.datasets.avss_classes import AVSS_CLASSES
from mmavs.datasets.sound_groups import (
    EXTRA_GROUPS,
    GROUP_OF,
    MS3_GROUPS,
    S4_CATEGORIES,
    S4_GROUPS,
    ObjectsFile,
    groups_of,
)
from mmavs.datasets.vpo import VPO_CLASSES

# fmt: off
OFFICIAL_CATEGORIES = (
    'baby_laughter', 'female_singing', 'male_speech', 'dog_barking',
    'cat_meowing', 'lions_roaring', 'horse_clip-clop', 'coyote_howling',
    'mynah_bird_singing', 'playing_acoustic_guitar', 'playing_tabla', 'playing_violin',
    'playing_piano', 'playing_ukulele', 'playing_glockenspiel', 'helicopter',
    'race_car', 'driving_buses', 'ambulance_siren', 'typing_on_computer_keyboard',
    'chainsawing_trees', 'cap_gun_shooting', 'lawn_mowing',
)
# fmt: on


def test_tables_do_not_contradict_each_other():
    for table in (S4_GROUPS, MS3_GROUPS, EXTRA_GROUPS):
        assert list(table) == ['music', 'human', 'animal', 'device']
        for group, names in table.items():
            assert len(set(names)) == len(names)
            assert {GROUP_OF[name] for name in names} == {group}
    assert Counter(len(names) for names in S4_GROUPS.values()) == Counter([6, 3, 6, 8])
    assert Counter(len(names) for names in MS3_GROUPS.values()) == Counter([6, 3, 5, 8])


def test_every_class_has_a_group_and_none_is_made_up():
    classes = {*AVSS_CLASSES, *VPO_CLASSES, *OFFICIAL_CATEGORIES}
    assert classes <= set(GROUP_OF)
    ours = {name for names in EXTRA_GROUPS.values() for name in names}
    assert ours - {'person'} <= {*AVSS_CLASSES, *VPO_CLASSES}
    short = {S4_CATEGORIES.get(category, category) for category in OFFICIAL_CATEGORIES}
    assert short == {name for names in S4_GROUPS.values() for name in names}


def test_groups_of_several_classes():
    assert groups_of(['dog', 'cat', 'piano', 'thing']) == {'animal', 'music', 'thing'}
    assert groups_of([]) == frozenset()


@pytest.mark.parametrize(
    'text, separator, clip_id, expected',
    [
        (
            'uid,vid,a_obj,split\na_0_5,a,man_frying-food,train\n',
            None,
            'a_0_5',
            (['man', 'frying-food'], ['man', 'frying-food']),
        ),
        ('vid,a_obj\nb,dog\n', None, 'cat/b', (['dog'], ['dog'])),
        ('uid,a_obj,v_obj\nc,,a_b|d\n', None, 'c', ([], ['a_b', 'd'])),
        ('uid,a_obj\nc,a_b|d|a_b\n', None, 'c', (['a_b', 'd'], ['a_b', 'd'])),
        ('uid,a_obj\nc,x; y\n', ';', 'c', (['x', 'y'], ['x', 'y'])),
        ('uid,vid,a_obj\nu,v,dog\nw,v,dog\n', None, 'v', (['dog'], ['dog'])),
        ('uid,a_obj\nc,dog\n', None, 'd', None),
    ],
)
def test_objects_file(tmp_path, text, separator, clip_id, expected):
    (tmp_path / 'o.csv').write_text(text)
    assert ObjectsFile(str(tmp_path / 'o.csv'), separator).of(clip_id) == expected


def test_bad_objects_file(tmp_path):
    path = tmp_path / 'o.csv'
    path.write_text('uid,objects\n')
    with pytest.raises(ValueError, match=r"o\.csv has the columns \['uid', 'objects'\], expected"):
        ObjectsFile(str(path))
    path.write_text('uid,vid,a_obj\nu,v,dog\nw,v,cat\n')
    objects = ObjectsFile(str(path))
    assert objects.of('u')[0] == ['dog']
    with pytest.raises(ValueError, match='several rows for "v" with different objects'):
        objects.of('v')

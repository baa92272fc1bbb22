# Copyright (c) mmavs developers. All rights reserved.
"""What clips are heard with: rules checked against the tables, for every clip of made lists."""

import itertools
import json
import re
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmavs.datasets import AVSBenchMS3Dataset, AVSBenchS4Dataset
from mmavs.datasets.audio_conditions import AudioCondition
from mmavs.datasets.sound_groups import GROUP_OF, MS3_GROUPS, S4_CATEGORIES, S4_GROUPS
from mmavs.datasets.sound_partners import ANY, BY_RULE, SHORTER, UNSEEN, swap_by_length

KEYS = ('audio_path', 'logmel_path')

# The groups of the sheet once more, as the sentences of it read.
FORBIDDEN_S4 = {
    'music': {'music', 'human'},
    'human': {'human', 'music'},
    'animal': {'animal', 'human'},
    'device': {'device', 'vehicle'},
}
FORBIDDEN_MS3 = {**FORBIDDEN_S4, 'device': {'device', 'music'}}
# All of S4, by the names of its folders.
FOLDERS = {short: folder for folder, short in S4_CATEGORIES.items()}
CATEGORIES = [FOLDERS.get(name, name) for group in S4_GROUPS.values() for name in group]


def clip(name, frames=5, **more):
    return dict(
        clip_id=name,
        img_paths=['frame'] * frames,
        audio_path=f'{name}.wav',
        logmel_path=f'{name}.npy',
        **more,
    )


def s4_clips(categories=CATEGORIES, each=3):
    return [clip(f'{c}/{i}', category=c) for c in categories for i in range(each)]


def ms3_clips(objects, **more):
    return [clip(f'{i}', heard_objects=list(names), **more) for i, names in enumerate(objects)]


def apply(clips, name='offscreen', owner=None, **kwargs):
    condition = AudioCondition(name, **kwargs)
    clips = [dict(info) for info in clips]
    condition.apply(clips, KEYS, 'the list', owner)
    for info in clips:
        if info['audio_clip_id'] in condition.mapping:
            assert info['audio_path'] == f'{info["audio_clip_id"]}.wav'
            assert info['logmel_path'] == f'{info["audio_clip_id"]}.npy'
        assert info['audio_condition'] == name
    return condition, clips


# -- off-screen ----------------------------------------------------------------------------------


@pytest.mark.parametrize('seed', range(3))
def test_s4_rule_for_every_clip(seed):
    condition, clips = apply(s4_clips(), seed=seed)
    for info in clips:
        heard = info['audio_clip_id'].split('/')[0]
        assert GROUP_OF[heard] not in FORBIDDEN_S4[GROUP_OF[info['category']]]
    assert condition.drawn == {BY_RULE: len(clips)}


def test_s4_draws_categories_evenly_then_clips_evenly():
    """A category of 40 clips is drawn as often as one of 2, its clips less often."""
    clips = [clip(f'dog_barking/{i}', category='dog_barking') for i in range(1000)]
    clips += [clip(f'helicopter/{i}', category='helicopter') for i in range(40)]
    clips += [clip(f'race_car/{i}', category='race_car') for i in range(2)]
    clips += [clip(f'male_speech/{i}', category='male_speech') for i in range(9)]
    _, drawn = apply(clips)
    heard = [i['audio_clip_id'] for i in drawn if i['category'] == 'dog_barking']
    categories = Counter(name.split('/')[0] for name in heard)
    assert set(categories) == {'helicopter', 'race_car'}  # no human for an animal
    assert abs(categories['race_car'] - 500) < 80  # 5 standard deviations
    assert abs(Counter(heard)['race_car/0'] - 250) < 70
    # Without categories (the rule of MS3) all allowed clips are alike.
    without = [{**i, 'category': '', 'heard_objects': [i['category']]} for i in clips]
    _, drawn = apply(without)
    heard = [i['audio_clip_id'] for i in drawn[:1000]]
    assert abs(sum(name.startswith('race_car') for name in heard) - 1000 * 2 / 42) < 40


@pytest.mark.parametrize('seed', range(3))
def test_ms3_rule_for_every_pair_of_objects(seed):
    names = [name for group in MS3_GROUPS.values() for name in group]
    objects = [(a, b) for a, b in itertools.combinations(names, 2)] + [(name,) for name in names]
    condition, clips = apply(ms3_clips(objects), seed=seed)
    fallbacks = 0
    for info in clips:
        own = {GROUP_OF[name] for name in info['heard_objects']}
        forbidden = set().union(*(FORBIDDEN_MS3[group] for group in own))
        heard = objects[int(info['audio_clip_id'])]
        assert info['audio_clip_id'] != info['clip_id']
        if forbidden == {'music', 'human', 'animal', 'device'}:
            fallbacks += 1
            assert not set(heard) & set(info['heard_objects'])
        else:
            assert not {GROUP_OF[name] for name in heard} & forbidden
    assert condition.drawn[UNSEEN] == fallbacks > 0
    assert condition.drawn[BY_RULE] == len(clips) - fallbacks and not condition.drawn[ANY]


def test_what_is_seen_is_never_heard_even_in_the_fallback(caplog):
    clips = [
        clip('a', heard_objects=['dog'], seen_objects=['dog', 'cat']),
        clip('b', heard_objects=['cat'], seen_objects=['cat']),
        clip('c', heard_objects=['wolf'], seen_objects=[]),  # off-screen itself
    ]
    for seed in range(20):
        condition, drawn = apply(clips, seed=seed)
        assert drawn[0]['audio_clip_id'] == 'c'
        assert drawn[1]['audio_clip_id'] in 'ac'
        assert drawn[2]['audio_clip_id'] in 'ab'
        assert condition.drawn[UNSEEN] == 3
    # Distractors that are seen count for the rule, too: a music clip before a silent dog.
    clips = [
        clip('a', heard_objects=['piano'], seen_objects=['piano', 'dog']),
        clip('b', heard_objects=['cat']),
        clip('c', heard_objects=['car']),
    ]
    for seed in range(20):
        assert apply(clips, seed=seed)[1][0]['audio_clip_id'] == 'c'


def test_any_other_clip_is_the_last_resort_and_is_told(monkeypatch):
    told = []
    monkeypatch.setattr(
        'mmavs.datasets.audio_conditions.print_log', lambda message, **kwargs: told.append(message)
    )
    clips = s4_clips(['dog_barking'], each=4)
    condition, clips = apply(clips)
    assert all(info['audio_clip_id'] != info['clip_id'] for info in clips)
    assert condition.drawn[ANY] == 4
    assert told == [
        'Off-screen sounds of the list: the groups do not leave a partner for every clip. '
        'Partners are any other clip: 4 (of 4).'
    ]
    told.clear()
    apply(s4_clips())
    assert told == []
    with pytest.raises(ValueError, match='No clip besides 0 is known to be heard'):
        apply(ms3_clips([['dog'], []]))


def test_silent_clips_are_nobodys_partner():
    clips = ms3_clips([['dog'], ['car'], [], []])
    for seed in range(10):
        _, drawn = apply(clips, seed=seed)
        assert [info['audio_clip_id'] for info in drawn[:2]] == ['1', '0']
        assert {info['audio_clip_id'] for info in drawn[2:]} <= {'0', '1'}


def test_partner_lasts_as_long_as_the_clip_where_there_is_one():
    long, short = dict(frames=10), dict(frames=5)
    clips = [
        clip('dog', heard_objects=['dog'], **long),
        clip('car5', heard_objects=['car'], **short),
        clip('car10', heard_objects=['car'], **long),
        clip('piano5', heard_objects=['piano'], **short),
    ]
    for seed in range(20):
        condition, drawn = apply(clips, seed=seed)
        assert drawn[0]['audio_clip_id'] == 'car10'  # not the shorter ones
        assert drawn[2]['audio_clip_id'] == 'dog'
        assert drawn[3]['audio_clip_id'] in ('dog', 'car5', 'car10')
        assert condition.drawn[SHORTER] == 0
    clips.pop(2)
    condition, drawn = apply(clips)
    assert drawn[0]['audio_clip_id'] in ('car5', 'piano5') and condition.drawn[SHORTER] == 1


def test_classes_without_a_group_and_groups_of_ones_own():
    clips = s4_clips(['star_chime', 'gear_buzz', 'ring_siren'])
    _, drawn = apply(clips)
    assert all(i['audio_clip_id'].split('/')[0] != i['category'] for i in drawn)
    _, drawn = apply(clips, groups=dict(star_chime='music', gear_buzz='human'))
    for info in drawn:  # music and human are least suitable for each other
        if info['category'] != 'ring_siren':
            assert info['audio_clip_id'].startswith('ring_siren')
    _, drawn = apply(clips, least_suitable=dict(star_chime=['gear_buzz']))
    assert all(i['audio_clip_id'].startswith('ring_siren') for i in drawn[:3])


def test_draw_depends_on_seed_and_names_not_on_the_order():
    clips = s4_clips()
    mapping = apply(clips)[0].mapping
    assert apply(clips[::-1])[0].mapping == mapping
    assert apply(clips, seed=1)[0].mapping != mapping
    assert set(mapping) == {info['clip_id'] for info in clips}


# -- objects -------------------------------------------------------------------------------------


def test_ms3_needs_objects(ms3_root, tmp_path):
    def load(**cfg):
        return AVSBenchMS3Dataset(
            data_root=str(ms3_root), audio_condition='offscreen', condition_cfg=cfg
        )

    message = "'offscreen' needs to know what is heard.* 2 of 2 clips .* e.g. x. .*objects_file"
    with pytest.raises(ValueError, match=message):
        load()
    path = tmp_path / 'objects.csv'
    path.write_text('uid,a_obj,v_obj\nx,cell phone|dog,dog\ny,man,man|cat\n')
    dataset = load(objects_file=str(path))
    assert [dataset[i]['audio_clip_id'] for i in range(2)] == ['y', 'x']
    assert dataset.audio_condition.mapping == dict(x='y', y='x')
    path.write_text('uid,a_obj,v_obj\nx,dog,dog\n')
    with pytest.raises(ValueError, match='of 1 of 2 clips .* e.g. y'):
        load(objects_file=str(path))
    with pytest.raises(FileNotFoundError, match='no objects_file "nothing.csv"'):
        load(objects_file='nothing.csv')


def test_objects_file_goes_before_the_category(tmp_path):
    path = tmp_path / 'objects.csv'
    path.write_text('uid,a_obj\n0,piano\n1,piano\n2,cat\n3,dog\n')
    clips = s4_clips(['dog_barking'], each=4)
    _, drawn = apply(clips, objects_file=str(path))
    assert [int(i['audio_clip_id'][-1]) > 1 for i in drawn] == [True, True, False, False]


# -- files ---------------------------------------------------------------------------------------


def test_sound_folder(tmp_path, make, s4_root, pipeline):
    for number, name in enumerate(('dog.wav', 'cello.WAV', 'train-horn.wav', 'cat.wav')):
        make.wave(tmp_path / 'unseen' / name, 100 + number)
    (tmp_path / 'unseen/readme.txt').write_text('')
    folder = str(tmp_path / 'unseen')
    condition, clips = apply(s4_clips(['dog', 'cat', 'bus'], 100), sound_folder=folder)
    counts = Counter((i['category'], i['audio_path'].split('/')[-1]) for i in clips)
    assert ('dog', 'dog.wav') not in counts and ('cat', 'cat.wav') not in counts
    assert len(counts) == 3 + 3 + 4 and min(counts.values()) > 10
    assert {i['logmel_path'] for i in clips} == {None}
    assert all(condition.mapping[i['clip_id']] == i['audio_path'] for i in clips)
    # MS3 needs no objects for it; and it is read like any other sound.
    dataset = AVSBenchS4Dataset(
        data_root=str(s4_root),
        pipeline=pipeline,
        audio_condition='offscreen',
        condition_cfg=dict(sound_folder=folder),
    )
    sample = dataset[0]['data_samples']
    assert sample.audio_clip_id == sample.audio_path and folder in sample.audio_path
    apply(ms3_clips([[], []]), sound_folder=folder)
    apply([clip('a')], sound_folder=folder)
    with pytest.raises(ValueError, match='sound_folder ".*nothing" is no folder with WAV files'):
        apply(s4_clips(), sound_folder=str(tmp_path / 'nothing'))


@pytest.mark.parametrize('name', ['offscreen', 'swapped'])
def test_map_file_round_trip(tmp_path, name):
    path = tmp_path / 'maps' / 'map.json'
    first, clips = apply(s4_clips(), name, seed=5, map_file=str(path))
    stored = json.loads(path.read_text())
    assert stored['sounds'] == first.mapping
    assert stored['clips']['dog_barking/0'] == '5 frames, heard: dog_barking, seen: dog_barking'
    assert list(path.parent.iterdir()) == [path]
    assert apply(s4_clips(), name, seed=5)[0].mapping == first.mapping
    # It goes before the seed.
    again, others = apply(s4_clips(), name, seed=6, map_file=str(path))
    assert again.mapping == first.mapping and others == clips


@pytest.mark.parametrize('name', ['offscreen', 'swapped'])
def test_map_file_holds_for_a_part_of_the_clips(tmp_path, name):
    path = tmp_path / 'map.json'
    clips = s4_clips(['dog_barking', 'helicopter'], each=2)
    mapping = apply(clips, name, map_file=str(path))[0].mapping
    part = [
        info for info in clips if info['clip_id'] in (first := next(iter(mapping)), mapping[first])
    ]
    # The partner's own partner may be the fourth clip, which is then no clip of the split.
    content = json.loads(path.read_text())
    content['sounds'].update({mapping[first]: first})
    path.write_text(json.dumps(content))
    kept = apply(part, name, map_file=str(path))[0].mapping
    assert kept == {first: mapping[first], mapping[first]: first}


OWNER = dict(dataset='AVSBenchS4Dataset', split='test')


@pytest.mark.parametrize(
    'name, owner, message',
    [
        ('swapped', OWNER, "audio_condition 'offscreen', not 'swapped'. Name another map_file for"),
        ('offscreen', {**OWNER, 'split': 'val'}, "split 'test', not 'val'. Name another map_file"),
        (
            'swapped',
            {**OWNER, 'dataset': 'Mine'},
            "audio_condition 'offscreen', not 'swapped'; dataset 'AVSBenchS4Dataset', not 'Mine'",
        ),
    ],
)
def test_map_file_of_something_else_is_refused(tmp_path, name, owner, message):
    path = tmp_path / 'map.json'
    drawn = apply(s4_clips(), owner=OWNER, map_file=str(path))[0].mapping
    before = path.read_text()
    with pytest.raises(ValueError, match=re.escape(f'{path} was drawn for {message}')):
        apply(s4_clips(), name, owner, map_file=str(path))
    assert path.read_text() == before
    assert apply(s4_clips(), owner=OWNER, map_file=str(path))[0].mapping == drawn


@pytest.mark.parametrize('name', ['offscreen', 'swapped'])
def test_map_file_of_clips_with_the_same_names_and_other_objects_is_refused(tmp_path, name):
    """As SynthAVS makes with another seed: an off-screen sound could be that of what is seen."""
    path = tmp_path / 'map.json'
    apply(ms3_clips([['dog'], ['car']]), name, map_file=str(path))
    message = (
        'was drawn when clip 1 had "5 frames, heard: car, seen: car"; in the list it has '
        '"5 frames, heard: dog, seen: car + dog". It was drawn for other data'
    )
    changed = ms3_clips([['dog'], ['dog']])
    changed[1]['seen_objects'] = ['dog', 'car']
    with pytest.raises(ValueError, match=re.escape(message)):
        apply(changed, name, map_file=str(path))
    longer = ms3_clips([['dog'], ['car']], num_clip_frames=10)
    with pytest.raises(ValueError, match='clip 0 had "5 frames, .*it has "10 frames, '):
        apply(longer, name, map_file=str(path))
    # A stored map stands in for objects that nobody knows any more.
    assert apply([clip('0'), clip('1')], name, map_file=str(path))[0].mapping == {
        '0': '1',
        '1': '0',
    }


def test_data_sets_say_whose_map_it_is(tmp_path, s4_root):
    path = tmp_path / 'map.json'

    def load(name, **kwargs):
        return AVSBenchS4Dataset(
            data_root=str(s4_root),
            audio_condition=name,
            condition_cfg=dict(map_file=str(path)),
            **kwargs,
        )

    mapping = load('swapped', split=('val', 'train')).audio_condition.mapping
    assert json.loads(path.read_text())['drawn_for'] == dict(
        audio_condition='swapped', dataset='AVSBenchS4Dataset', split='train+val'
    )
    assert load('swapped', split=('train', 'val')).audio_condition.mapping == mapping
    for name in ('original', 'silence', 'noise'):  # which draw no sounds
        load(name, split='train')
    with pytest.raises(ValueError, match="split 'train.val', not 'train'. Name another"):
        load('swapped', split='train')
    with pytest.raises(ValueError, match="audio_condition 'swapped', not 'offscreen'"):
        load('offscreen', split=('train', 'val'))


def test_map_file_may_name_files(tmp_path, make, monkeypatch):
    told = []
    monkeypatch.setattr(
        'mmavs.datasets.sound_maps.print_log', lambda message, **kwargs: told.append(message)
    )
    make.wave(tmp_path / 'x.wav', 0)
    path = tmp_path / 'map.json'
    path.write_text(json.dumps(dict(a=str(tmp_path / 'x.wav'), b='a', c='a')))
    _, (a, b) = apply([clip('a'), clip('b')], 'offscreen', map_file=str(path))
    assert a['audio_path'] == a['audio_clip_id'] == str(tmp_path / 'x.wav')
    assert (b['audio_path'], b['audio_clip_id']) == ('a.wav', 'a')
    # Made by hand, it does not say what it is for: taken, but not silently.
    assert told[0].startswith(f'{path} does not say what it was drawn for') and len(told) == 2


@pytest.mark.parametrize(
    'text, message',
    [
        ('{', 'is no JSON file'),
        ('[]', 'must hold one object of clip name'),
        ('{"a": 1, "b": "a"}', 'must hold one object of clip name'),
        ('{"drawn_for": {}, "sounds": {"a": "b"}}', 'or the objects "drawn_for", "clips" and "sou'),
        ('{"drawn_for": {}, "clips": {}, "sounds": ["a"]}', 'must hold one object of clip name'),
        ('{"a": "b"}', 'has no sound for 1 of the 2 clips of the list, e.g. b. It was drawn for'),
        ('{"a": "b", "b": "b"}', 'gives clip b its own sound'),
        ('{"a": "b", "b": "c"}', 'the sound of "c", which is neither a clip of the list nor a'),
    ],
)
def test_bad_map_file(tmp_path, text, message):
    path = tmp_path / 'map.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        apply([clip('a'), clip('b')], map_file=str(path))
    assert str(path) in str(error.value)


def test_only_the_main_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr('mmavs.datasets.sound_maps.is_main_process', lambda: False)
    condition, _ = apply(s4_clips(), map_file=str(tmp_path / 'map.json'))
    assert not list(tmp_path.iterdir())
    assert condition.mapping == apply(s4_clips())[0].mapping


# -- swapped, noise, arguments -------------------------------------------------------------------


@pytest.mark.parametrize('seed', range(3))
def test_swap_keeps_to_equal_lengths(seed):
    categories = list('aabbccaabbcc')
    lengths = [5] * 6 + [10] * 6
    partners, alone = swap_by_length(categories, lengths, seed)
    assert sorted(partners) == list(range(12)) and alone == []
    for index, partner in enumerate(partners):
        assert index != partner and lengths[index] == lengths[partner]
        assert categories[index] != categories[partner]
    partners, alone = swap_by_length(categories + ['d'], lengths + [7], seed)
    assert alone == [12] and lengths[partners[12]] == 10
    assert sorted(partners[:12]) == list(range(12))
    partners, alone = swap_by_length(list('abc'), [5, 5, 9], seed)
    assert partners[:2] == [1, 0] and partners[2] in (0, 1) and alone == [2]


def test_swap_goes_by_objects_where_there_is_no_category(tmp_path):
    path = tmp_path / 'objects.csv'
    path.write_text('uid,a_obj\n0,dog\n1,dog\n2,cat\n3,cat\n')
    known = ms3_clips([['dog'], ['dog'], ['cat'], ['cat']], num_clip_frames=5)
    unknown = [clip(str(number)) for number in range(4)]
    for seed, cfg in itertools.product(range(10), ({}, dict(objects_file=str(path)))):
        _, drawn = apply(unknown if cfg else known, 'swapped', seed=seed, **cfg)
        assert all((int(i['clip_id']) < 2) != (int(i['audio_clip_id']) < 2) for i in drawn)


def test_clips_must_have_names_of_their_own():
    with pytest.raises(ValueError, match='the list lists 1 clips more than once, e.g. a'):
        apply([clip('a'), clip('b'), clip('a')], 'swapped')


@pytest.mark.parametrize('name', ['silence', 'noise', 'original'])
def test_conditions_that_keep_the_file(name):
    condition, clips = apply(s4_clips(), name, seed=4, kind='gaussian', level=0.1)
    assert condition.mapping == {}
    noise = dict(kind='gaussian', level=0.1, seed=4) if name == 'noise' else None
    for info in clips:
        assert info['audio_clip_id'] == info['clip_id'] and info.get('noise') == noise


def noisy_items(root, pipeline, workers, order, **cfg):
    dataset = AVSBenchS4Dataset(
        data_root=str(root), pipeline=pipeline, audio_condition='noise', condition_cfg=cfg
    )
    loader = DataLoader(
        dataset, batch_size=1, sampler=order, num_workers=workers, collate_fn=lambda b: b[0]
    )
    return {item['data_samples'].clip_id: item['inputs']['audio'] for item in loader}


def test_noise_is_the_same_with_any_workers_and_order(s4_root, pipeline, make):
    make.wave(s4_root / 's4_data/audio_wav/train/dog/_b.wav', 1, samples=81234)
    items = noisy_items(s4_root, pipeline, 0, range(4))
    others = noisy_items(s4_root, pipeline, 2, [3, 1, 0, 2])
    assert items.keys() == others.keys() and len(items) == 4
    assert all(torch.equal(items[key], others[key]) for key in items)
    assert [audio.shape[1] for audio in items.values()] == [80000, 81234, 80000, 80000]
    for left, right in itertools.combinations(items.values(), 2):
        assert abs(np.corrcoef(left[0, :80000], right[0, :80000])[0, 1]) < 0.02
    seeded = noisy_items(s4_root, pipeline, 0, range(4), seed=1)
    assert not any(torch.equal(items[key], seeded[key]) for key in items)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(name='loud'), "audio_condition is 'loud', expected one of ('original', 'silence'"),
        (dict(kind='pink'), "kind of noise is 'pink', expected one of ('uniform', 'gaussian'"),
        (dict(level=0), 'level of noise is 0, expected above 0 and at most 1'),
        (dict(level=1.5), 'level of noise is 1.5'),
        (dict(seed=-1), 'seed of the audio condition is -1, expected an integer >= 0'),
        (dict(seed=0.5), 'seed of the audio condition is 0.5'),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        AudioCondition(**kwargs)

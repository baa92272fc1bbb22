# Copyright (c) mmavs developers. All rights reserved.
"""What all data sets share: csv, conditions of the audio, errors."""

import re
from collections import Counter

import pytest
import torch

from mmavs.datasets import AVSBenchMS3Dataset, AVSBenchS4Dataset
from mmavs.datasets.audio_conditions import swap_partners
from mmavs.datasets.base_avs_dataset import read_csv_rows

COLUMNS = ('name', 'start', 'category', 'split')
SPLITS = ('train', 'val', 'test')


def s4(root, **kwargs):
    return AVSBenchS4Dataset(data_root=str(root), **kwargs)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(split='training'), "split is 'training', expected one of ('train', 'val', 'test')"),
        (dict(split=['train', 'dev']), "split is 'dev'"),
        (dict(split=[]), 'split is empty'),
        (dict(frames='first'), "frames is 'first', expected one of ('all', 'annotated')"),
        (dict(audio_condition='loud'), "audio_condition is 'loud', expected one of ('original'"),
    ],
)
def test_unknown_argument(s4_root, kwargs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        s4(s4_root, **kwargs)


def test_missing_root_csv_and_folder(s4_root, tmp_path):
    with pytest.raises(FileNotFoundError, match='data_root ".*nowhere" of AVSBenchS4Dataset'):
        s4(tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError, match='no csv file ".*other.csv"'):
        s4(s4_root, ann_file='other.csv')
    with pytest.raises(FileNotFoundError, match='no folder ".*frames/train", which the layout'):
        s4(s4_root, data_prefix=dict(img_path='frames'))


@pytest.mark.parametrize(
    'lines, message',
    [
        ('name,start,category\na,0,dog\n', r"lacks ['split']"),
        ('', r"has the columns [], but lacks ['name', 'start', 'category', 'split']"),
        (
            'name,start,category,split\na,0,dog,train\nb,0,dog,valid\n',
            "line 3: unknown split \"valid\", expected one of ('train', 'val', 'test')",
        ),
        ('name,start,category,split\na,0,dog\n', 'line 2: no value for "split"'),
        (
            'name,start,category,split\na,zero,dog,train\n',
            'the start of clip train/dog/a is "zero"',
        ),
        ('name,start,category,split\na,0,dog,val\n', "no clip of split train; it has {'val': 1}"),
    ],
)
def test_bad_csv_names_the_file_and_the_line(s4_root, lines, message):
    path = s4_root / 's4_meta_data.csv'
    path.write_text(lines)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        s4(s4_root)
    assert str(path) in str(error.value)


def test_columns_go_by_name_not_by_position(tmp_path):
    path = tmp_path / 'meta.csv'
    # With the byte order mark that spreadsheets write, another order, and a column more.
    path.write_text('split,more,name,category,start\nval,?,a,dog,3\n', encoding='utf-8-sig')
    (row,) = read_csv_rows(str(path), COLUMNS, SPLITS)
    assert [row[column] for column in COLUMNS] == ['a', '3', 'dog', 'val']


def test_annotated_frames_keep_their_place_in_the_clip(s4_root):
    class EverySecond(AVSBenchS4Dataset):
        def parse_data_info(self, raw_data_info):
            info = super().parse_data_info(raw_data_info)
            masks = [None, 'b', None, 'd', None]
            return {**info, 'mask_paths': masks, 'img_paths': list('ABCDE')}

    info = EverySecond(data_root=str(s4_root), split='val', frames='annotated')[0]
    assert (info['img_paths'], info['mask_paths']) == (['B', 'D'], ['b', 'd'])
    assert (info['frame_indices'], info['num_clip_frames']) == ([1, 3], 5)


def test_transform_that_returns_none_is_an_error(s4_root):
    for test_mode in (False, True):
        dataset = s4(s4_root, pipeline=[lambda results: None], test_mode=test_mode)
        with pytest.raises(ValueError, match='returned None for clip dog/-a_1'):
            dataset[0]


def test_error_of_a_clip_is_not_another_clip(s4_root, pipeline):
    (s4_root / 's4_data/audio_wav/train/dog/-a_1.wav').unlink()
    with pytest.raises(FileNotFoundError, match=r'There is no WAV file .*dog/-a_1\.wav'):
        s4(s4_root, pipeline=pipeline)[0]


def test_silence_is_as_long_as_the_sound(s4_root, pipeline, make):
    make.wave(s4_root / 's4_data/audio_wav/train/dog/_b.wav', 1, samples=81234)
    item = s4(s4_root, pipeline=pipeline, audio_condition='silence')[1]
    assert item['inputs']['audio'].shape == (1, 81234)
    assert not item['inputs']['audio'].any()


def test_swapped_sound_belongs_to_another_clip(s4_root, pipeline):
    original = s4(s4_root, pipeline=pipeline)
    swapped = s4(s4_root, pipeline=pipeline, audio_condition='swapped')
    for index in range(len(original)):
        ours, theirs = original[index], swapped[index]
        assert torch.equal(ours['inputs']['imgs'], theirs['inputs']['imgs'])
        assert not torch.equal(ours['inputs']['audio'], theirs['inputs']['audio'])
        assert theirs['data_samples'].audio_path != ours['data_samples'].audio_path
    again = s4(s4_root, audio_condition='swapped')
    assert [again[i]['audio_path'] for i in range(4)] == [
        swapped.get_data_info(i)['audio_path'] for i in range(4)
    ]
    # A part of the data keeps the sounds that the whole has.
    assert (
        s4(s4_root, audio_condition='swapped', indices=[2])[0]['audio_path']
        == again[2]['audio_path']
    )
    assert again[0]['logmel_path'].split('/')[-1][:-4] == again[0]['audio_path'].split('/')[-1][:-4]


def test_swapping_needs_two_clips(ms3_root):
    with pytest.raises(
        ValueError, match="'swapped' needs at least 2 clips, split test of .* has 1"
    ):
        AVSBenchMS3Dataset(data_root=str(ms3_root), split='test', audio_condition='swapped')


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize(
    'categories',
    ['aa', 'ab', 'aaaaaaa', 'aabb', 'abcabcabca', 'aaaab', 'aaabbb', 'aaaabbc'],
)
def test_swap_is_a_derangement_across_categories(categories, seed):
    partners = swap_partners(categories, seed)
    assert sorted(partners) == list(range(len(categories)))
    assert all(partner != index for index, partner in enumerate(partners))
    same = sum(categories[i] == categories[p] for i, p in enumerate(partners))
    # The largest category of size m has only n - m sounds of others to take.
    largest = max(Counter(categories).values())
    assert same == max(0, 2 * largest - len(categories))


def test_swap_depends_on_the_seed():
    assert len({tuple(swap_partners('a' * 10, seed)) for seed in range(5)}) == 5

# Copyright (c) mmavs developers. All rights reserved.
"""SynthAVS in the layout of VPO: rows, pictures, masks of COCO ids, sounds and positions."""

import csv
from collections import defaultdict

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmavs.testing import SOUND_CLASSES, SynthAVS, best_blind_union
from mmavs.testing.official_classes import VPO_OF

SETUPS = {'ss': 'VPO-SS', 'ms': 'VPO-MS', 'msmi': 'VPO-MSMI'}
SPLITS = {'train': {'ss': 3, 'ms': 3, 'msmi': 3}, 'test': 4}
KNOBS = dict(image_size=(48, 64), seed=2)
COLUMNS = ['cateName', 'cateId', 'img_Id', 'ann_Ids', 'vgg_file', 'split', 'audio_pos']
COCO = {'cell phone': 77, 'motorcycle': 4, 'female': 93, 'car': 3, 'keyboard': 76, 'bus': 6}
COCO |= {'sports ball': 37, 'airplane': 5, 'bird': 16, 'dog': 18, 'skateboard': 41, 'mouse': 74}


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp('vpo')
    return root, SynthAVS(**KNOBS).write_vpo(root / 'data', SPLITS)


def rows_of(tree, setup):
    path = tree[0] / 'data' / 'VPO' / SETUPS[setup] / f'vpo_{setup}_data_stereo.csv'
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def images_of(tree, setup):
    """Rows by image."""
    images = defaultdict(list)
    for row in rows_of(tree, setup):
        images[row['img_Id']].append(row)
    return images


def files_of(rows, setup):
    """Official paths of picture and mask."""
    row = rows[0]
    folder, image = SETUPS[setup], f'{int(row["img_Id"]):012d}'
    if setup == 'ss':
        name = f'{row["cateName"]}/{image}'
        return f'VPO/{folder}/data/{name}.jpg', (
            f'VPO/{folder}/mask/{name}_{int(row["ann_Ids"]):012d}.png'
        )
    if setup == 'msmi' and row['multi_instance'] == '0':
        folder = SETUPS['ms']
    return f'VPO/{folder}/data/{image}.jpg', f'VPO/{folder}/mask/{image}.png'


def clip_of(row):
    """The clip that a row was written from, and the number of its object."""
    setup, split, index, instance = row['vgg_file'].split('_')
    clip = SynthAVS(**KNOBS).clip(setup, split, int(index), seconds=1, period=10)
    return clip, int(instance)


def test_layout(tree):
    expected = {'synth_meta.json', 'synth_clips.json', 'objects.csv'}
    for setup, folder in SETUPS.items():
        expected.add(f'VPO/{folder}/vpo_{setup}_data_stereo.csv')
        for rows in images_of(tree, setup).values():
            expected |= set(files_of(rows, setup))
            sounds = 'vggsound_bench/VGGSound/audios'
            expected |= {f'{sounds}/{row["vgg_file"]}.wav' for row in rows}
    root = tree[0] / 'data'
    assert {str(path.relative_to(root)) for path in root.rglob('*') if path.is_file()} == expected


def test_rows(tree):
    assert list(VPO_OF) == [entry.name for entry in SOUND_CLASSES]
    assert set(VPO_OF.values()) == set(COCO)
    for setup in SETUPS:
        rows = rows_of(tree, setup)
        assert list(rows[0]) == COLUMNS + ['multi_instance'] * (setup == 'msmi')
        for row in rows:
            assert int(row['cateId']) == COCO[row['cateName']]
            assert row['split'] in ('train', 'val')
            assert 0 < float(row['audio_pos']) < 1
    counts = {
        setup: [
            len({row['img_Id'] for row in rows_of(tree, setup) if row['split'] == split})
            for split in ('train', 'val')
        ]
        for setup in SETUPS
    }
    # MSMI has 3 and 1 pictures of its own, and half as many of VPO-MS, rounded up.
    assert counts == {'ss': [3, 2], 'ms': [3, 1], 'msmi': [3 + 2, 1 + 1]}


def test_masks_hold_the_coco_ids_of_what_sounds(tree):
    for setup in SETUPS:
        for rows in images_of(tree, setup).values():
            clip, _ = clip_of(rows[0])
            picture, owners = clip.frame(0)
            sounding = [clip_of(row)[1] for row in rows]
            assert np.flatnonzero(clip.timeline.states[0]).tolist() == sounding
            expected = np.zeros(owners.shape, int)
            for row, index in zip(rows, sounding):
                assert VPO_OF[clip.classes[index].name] == row['cateName']
                expected[owners == index] = int(row['cateId'])
            jpeg, mask = (tree[0] / 'data' / path for path in files_of(rows, setup))
            np.testing.assert_array_equal(np.asarray(Image.open(mask)), expected)
            assert np.abs(np.asarray(Image.open(jpeg), dtype=int) - picture).mean() < 3
            assert len(clip.classes) == 3


def test_who_sounds_in_which_setup(tree):
    for rows in images_of(tree, 'ss').values():
        assert len(rows) == 1
    for rows in images_of(tree, 'ms').values():
        assert len({row['cateName'] for row in rows}) == len(rows) == 2
    both = 0
    for rows in images_of(tree, 'msmi').values():
        assert len({row['multi_instance'] for row in rows}) == 1
        clip, _ = clip_of(rows[0])
        if rows[0]['multi_instance'] == '1':
            assert clip.classes[0] is clip.classes[1]
            assert clip.timeline.states[0, :2].any()
            both += clip.timeline.states[0, :2].all()
            ends = clip.scene.pan(0, np.array([0.9375])), clip.scene.pan(1, np.array([0.9375]))
            assert abs(ends[0] - ends[1]) / 2 >= 0.25
        else:
            assert rows[0]['img_Id'] in images_of(tree, 'ms')
    assert both > 0


def test_positions_are_where_the_objects_are(tree):
    for setup in SETUPS:
        for row in rows_of(tree, setup):
            clip, index = clip_of(row)
            columns = np.nonzero(clip.frame(0)[1] == index)[1]
            assert float(row['audio_pos']) == pytest.approx((columns.mean() + 0.5) / 64, abs=0.07)


def test_sounds_are_mono_and_one_an_instance(tree):
    folder = tree[0] / 'data' / 'vggsound_bench' / 'VGGSound' / 'audios'
    for rows in images_of(tree, 'msmi').values():
        waves = []
        for row in rows:
            wave, rate = soundfile.read(folder / f'{row["vgg_file"]}.wav')
            assert (wave.shape, rate) == ((160000,), 16000)
            assert np.std(wave[56000:104000]) > 0.005
            waves.append(wave)
        for first, second in zip(waves, waves[1:]):
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.3


def test_with_the_twins_knob_loudness_follows_size(tmp_path):
    """Soft voices are 14 dB below loud ones; pictures of a pair always show one of each."""
    synth = SynthAVS(image_size=32, twins=1, noise_level=0.0)
    levels = {True: [], False: []}
    for index in range(12):
        clip = synth.clip('msmi', 'test', index, seconds=1, period=10)
        large = clip.pulse.levels[0]
        assert large[0] != large[1]
    synth.write_vpo(tmp_path / 'vpo', {'test': {'msmi': 12}})
    folder = tmp_path / 'vpo' / 'vggsound_bench' / 'VGGSound' / 'audios'
    for path in folder.glob('*.wav'):
        setup, split, index, instance = path.stem.split('_')
        clip = synth.clip(setup, split, int(index), seconds=1, period=10)
        loud = bool(clip.pulse.levels[0, int(instance)])
        levels[loud].append(soundfile.read(path)[0].std())
    ratio = np.median(levels[True]) / np.median(levels[False])
    assert 20 * np.log10(ratio) == pytest.approx(14, abs=5)


def test_ceilings(tree):
    meta = tree[1]
    assert meta['ceiling_of'] == 'foreground mIoU'
    for split, name in (('train', 'train'), ('test', 'val')):
        for setup in SETUPS:
            best = []
            for rows in images_of(tree, setup).values():
                if rows[0]['split'] == name:
                    clip, _ = clip_of(rows[0])
                    owners = clip.frame(0)[1]
                    best.append(best_blind_union(clip.areas(owners), *clip.prior, owners.size)[0])
            score = meta['splits'][split]['subsets'][setup]
            assert score['frames'] == len(best)
            assert score['ceiling'] == pytest.approx(np.mean(best))
    assert meta['splits']['train']['subsets']['ss']['ceiling'] == pytest.approx(1 / 3, abs=1e-6)


def test_same_seed_same_bytes(tree, tmp_path):
    SynthAVS(**KNOBS).write_vpo(tmp_path / 'again', SPLITS)
    root, files = tree[0] / 'data', [p for p in (tree[0] / 'data').rglob('*') if p.is_file()]
    for path in files:
        assert path.read_bytes() == (tmp_path / 'again' / path.relative_to(root)).read_bytes()


def test_a_voice_off_screen_is_in_the_first_file(tmp_path):
    for name, probability in (('without', 0.0), ('with', 1.0)):
        SynthAVS(image_size=16, offscreen_prob=probability).write_vpo(
            tmp_path / name, {'test': {'ms': 1}}
        )
    files = sorted((tmp_path / 'without').rglob('*.wav'))
    changed = [
        not np.array_equal(*(soundfile.read(p)[0] for p in (path, tmp_path / 'with' / relative)))
        for path in files
        for relative in [path.relative_to(tmp_path / 'without')]
    ]
    assert changed == [True] + [False] * (len(files) - 1)


def test_errors(tmp_path):
    synth = SynthAVS(image_size=16)
    with pytest.raises(ValueError, match="split 'val' is unknown: VPO has train, test"):
        synth.write_vpo(tmp_path / 'a', {'val': 1})
    with pytest.raises(ValueError, match='too few objects for VPO'):
        SynthAVS(image_size=16, num_objects=1).write_vpo(tmp_path / 'a', {'test': 1})
    assert not (tmp_path / 'a').exists()

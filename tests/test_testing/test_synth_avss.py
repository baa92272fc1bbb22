# Copyright (c) mmavs developers. All rights reserved.
"""SynthAVS in the layout of AVSBench-semantic: files, labels, colours, ceilings."""

import csv
import hashlib
import json

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmavs.testing import SOUND_CLASSES, SynthAVS, best_blind_union, load_golden
from mmavs.testing.official_classes import AVSS_OF

SPLITS = {'train': {'v1s': 2, 'v1m': 1, 'v2': 1}, 'val': 2, 'test': {'v1m': 1}}
SECONDS = {'v1s': 5, 'v1m': 5, 'v2': 10}
KNOBS = dict(image_size=(32, 48), seed=3, silent_prob=0.2, switch_prob=0.8)


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp('avss') / 'AVSS'
    return root, SynthAVS(**KNOBS).write_avss(root, SPLITS)


@pytest.fixture(scope='module')
def rows(tree):
    with open(tree[0] / 'metadata.csv', newline='') as file:
        return list(csv.DictReader(file))


def clip_of(row):
    subset = row['label']
    return SynthAVS(**KNOBS).clip(
        subset, row['split'], int(row['vid'][-5:]), seconds=SECONDS[subset]
    )


def num_labels(row):
    return 1 if (row['label'], row['split']) == ('v1s', 'train') else SECONDS[row['label']]


def test_layout(tree, rows):
    root, _ = tree
    assert list(rows[0]) == ['vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label']
    expected = {'metadata.csv', 'label2idx.json', 'objects.csv'}
    expected |= {'synth_meta.json', 'synth_clips.json'}
    for row in rows:
        folder, seconds = f'{row["label"]}/{row["uid"]}', SECONDS[row['label']]
        assert row['uid'] == f'{row["vid"]}_0_{1000 * seconds}'
        expected |= {f'{folder}/frames/{i}.jpg' for i in range(seconds)}
        for kind in ('labels_semantic', 'labels_rgb'):
            expected |= {f'{folder}/{kind}/{i}.png' for i in range(num_labels(row))}
        expected.add(f'{folder}/audio.wav')
    found = {str(path.relative_to(root)) for path in root.rglob('*') if path.is_file()}
    assert found == expected
    kinds = [(row['split'], row['label']) for row in rows]
    assert kinds.count(('train', 'v1s')) == 2
    assert sorted(kinds[4:6]) == [('val', 'v1s'), ('val', 'v2')]
    assert kinds[6:] == [('test', 'v1m')]


def test_label2idx(tree):
    table = json.loads((tree[0] / 'label2idx.json').read_text())
    assert list(table.values()) == list(range(71))
    assert (table['background'], table['bell'], table['emergency-car']) == (0, 6, 22)
    assert (table['frying-food'], table['woman']) == (25, 70)
    assert list(AVSS_OF) == [entry.name for entry in SOUND_CLASSES]
    assert len(set(AVSS_OF.values())) == 12
    assert set(AVSS_OF.values()) <= set(table)


def test_labels_are_owners_and_states(tree, rows):
    root, _ = tree
    table = json.loads((root / 'label2idx.json').read_text())
    palette = load_golden('loader_avsbench')[0]['palette']
    for row in rows:
        clip, folder = clip_of(row), root / row['label'] / row['uid']
        heard = set()
        for k in range(num_labels(row)):
            _, owners = clip.frame(k)
            expected = np.zeros(owners.shape, int)
            for index in np.flatnonzero(clip.timeline.states[k]):
                expected[owners == index] = table[AVSS_OF[clip.classes[index].name]]
            with Image.open(folder / 'labels_semantic' / f'{k}.png') as image:
                assert image.mode == 'L'
                np.testing.assert_array_equal(np.asarray(image), expected)
            with Image.open(folder / 'labels_rgb' / f'{k}.png') as image:
                assert image.mode == 'RGB'
                np.testing.assert_array_equal(np.asarray(image), palette[expected])
        for state in clip.timeline.states[: SECONDS[row['label']]]:
            heard |= {AVSS_OF[clip.classes[index].name] for index in np.flatnonzero(state)}
        assert set(row['a_obj'].split('_')) == (heard or {'background'})


def test_frames_and_sound(tree, rows):
    for row in rows:
        folder, seconds = tree[0] / row['label'] / row['uid'], SECONDS[row['label']]
        picture = np.asarray(Image.open(folder / 'frames' / f'{seconds - 1}.jpg'), dtype=int)
        drawn, _ = clip_of(row).frame(seconds - 1)
        assert picture.shape == (32, 48, 3)
        assert np.abs(picture - drawn).mean() < 3
        info = soundfile.info(folder / 'audio.wav')
        assert (info.samplerate, info.channels, info.frames) == (16000, 1, 16000 * seconds)


def test_v1s_never_switches_and_the_others_do(tree, rows):
    assert KNOBS['switch_prob'] == 0.8
    for row in rows:
        states = clip_of(row).timeline.states[: SECONDS[row['label']]]
        switches = (states[1:] != states[:-1]).any()
        assert switches == (row['label'] != 'v1s')
        if row['label'] == 'v1s':
            assert states.sum(axis=1).tolist() == [1] * 5


def test_ceilings_of_subsets_and_all(tree, rows):
    _, meta = tree
    assert meta['ceiling_of'] == 'foreground mIoU'
    best = {}
    for row in rows:
        clip = clip_of(row)
        for k in range(num_labels(row)):
            owners = clip.frame(k)[1]
            value = best_blind_union(clip.areas(owners), *clip.prior, owners.size)[0]
            best.setdefault((row['split'], row['label']), []).append(value)
    for split in SPLITS:
        score = meta['splits'][split]
        parts = [values for (name, _), values in best.items() if name == split]
        assert score['ceiling'] == pytest.approx(np.mean(np.concatenate(parts)))
        for subset in SECONDS:
            values = best.get((split, subset), [])
            assert score['subsets'][subset]['frames'] == len(values)
            if values:
                assert score['subsets'][subset]['ceiling'] == pytest.approx(np.mean(values))
    assert meta['splits']['train']['subsets']['v1s']['ceiling'] == pytest.approx(1 / 3, abs=1e-6)


def test_same_seed_same_bytes_whatever_else_is_written(tree, tmp_path):
    SynthAVS(**KNOBS).write_avss(tmp_path / 'more', {'train': {'v1s': 3, 'v2': 1}})
    same = 0
    for path in tree[0].glob('v*/*train*/**/*'):
        other = tmp_path / 'more' / path.relative_to(tree[0])
        if path.is_file() and other.is_file():
            digests = {hashlib.sha256(file.read_bytes()).digest() for file in (path, other)}
            assert len(digests) == 1
            same += 1
    assert same == 2 * (5 + 1 + 1 + 1) + (10 + 10 + 10 + 1)


def test_a_silent_clip_is_of_the_background(tmp_path):
    SynthAVS(image_size=16, silent_prob=1.0).write_avss(tmp_path / 'a', {'test': {'v1m': 1}})
    with open(tmp_path / 'a' / 'metadata.csv', newline='') as file:
        assert next(csv.DictReader(file))['a_obj'] == 'background'


def test_errors(tmp_path):
    synth = SynthAVS(image_size=16)
    with pytest.raises(ValueError, match="'v3' of split 'train' is unknown: AVSS has v1s, v2, v1m"):
        synth.write_avss(tmp_path / 'a', {'train': {'v3': 1}})
    with pytest.raises(ValueError, match="split 'trial' is unknown"):
        synth.write_avss(tmp_path / 'a', {'trial': 1})
    with pytest.raises(ValueError, match='cannot have -3 clips'):
        synth.write_avss(tmp_path / 'a', {'test': {'v2': -3}})
    with pytest.raises(ValueError, match='cannot have -1 clips'):
        synth.write_avss(tmp_path / 'a', {'test': -1})
    with pytest.raises(ValueError, match='no clip at all'):
        synth.write_avss(tmp_path / 'a', {'test': 0})
    assert not (tmp_path / 'a').exists()

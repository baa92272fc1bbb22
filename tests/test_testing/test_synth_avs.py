# Copyright (c) mmavs developers. All rights reserved.
"""SynthAVS writes the official layout, the same bytes for the same seed, and sound that fits."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmavs.testing import SOUND_CLASSES, Soundtrack, SynthAVS, best_blind_union

NAMES = [entry.name for entry in SOUND_CLASSES]
SPLITS = {'train': 2, 'val': 1, 'test': 2}


def files_of(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob('*') if path.is_file())


def digests(root, suffixes=('.png', '.wav', '.csv')):
    return {
        name: hashlib.sha256((root / name).read_bytes()).hexdigest()
        for name in files_of(root)
        if Path(name).suffix in suffixes
    }


def rows_of(path):
    with open(path, newline='') as file:
        return list(csv.reader(file))


@pytest.fixture(scope='module')
def s4(tmp_path_factory):
    root = tmp_path_factory.mktemp('s4') / 'Single-source'
    return root, SynthAVS(image_size=48, seed=5).write_s4(root, SPLITS)


@pytest.fixture(scope='module')
def ms3(tmp_path_factory):
    root = tmp_path_factory.mktemp('ms3') / 'Multi-sources'
    return root, SynthAVS(image_size=(40, 56), seed=5).write_ms3(root, SPLITS)


def test_s4_layout(s4):
    root, _ = s4
    header, *rows = rows_of(root / 's4_meta_data.csv')
    assert header == ['name', 'start', 'category', 'split']
    expected = {'s4_meta_data.csv', 'synth_meta.json', 'synth_clips.json', 'objects.csv'}
    for name, start, category, split in rows:
        assert (start, category in NAMES) == ('0', True)
        below = f'{split}/{category}/{name}'
        expected |= {f's4_data/visual_frames/{below}/{name}_{k}.png' for k in range(1, 6)}
        labelled = 1 if split == 'train' else 5
        expected |= {f's4_data/gt_masks/{below}/{name}_{k}.png' for k in range(1, labelled + 1)}
        expected.add(f's4_data/audio_wav/{below}.wav')
    assert [row[3] for row in rows] == ['train', 'train', 'val', 'test', 'test']
    assert set(files_of(root)) == expected


def test_ms3_layout(ms3):
    root, _ = ms3
    header, *rows = rows_of(root / 'ms3_meta_data.csv')
    assert header == ['video_id', 'split']
    expected = {'ms3_meta_data.csv', 'synth_meta.json', 'synth_clips.json', 'objects.csv'}
    for name, split in rows:
        for k in range(1, 6):
            expected.add(f'ms3_data/visual_frames/{name}/{name}.mp4_{k}.png')
            expected.add(f'ms3_data/gt_masks/{split}/{name}/{name}_{k}.png')
        expected.add(f'ms3_data/audio_wav/{split}/{name}.wav')
    assert len({row[0] for row in rows}) == 5
    assert set(files_of(root)) == expected


def test_file_formats(s4, ms3):
    for (root, _), size in ((s4, (48, 48)), (ms3, (56, 40))):
        for path in root.rglob('*.png'):
            with Image.open(path) as image:
                image.load()
            is_mask = 'gt_masks' in path.parts
            assert (image.mode, image.size) == ('L' if is_mask else 'RGB', size)
            if is_mask:
                assert set(np.unique(image)) <= {0, 255}
        for path in root.rglob('*.wav'):
            info = soundfile.info(path)
            assert (info.samplerate, info.channels, info.frames) == (16000, 1, 80000)
            assert info.subtype == 'PCM_16'
            assert np.abs(soundfile.read(path)[0]).max() < 1.0


def test_s4_masks_show_the_category(s4):
    root, _ = s4
    synth = SynthAVS(image_size=48, seed=5)
    for name, _, category, split in rows_of(root / 's4_meta_data.csv')[1:]:
        clip = synth.clip('s4', split, int(name[-5:]))
        index = [entry.name for entry in clip.classes].index(category)
        mask = np.asarray(
            Image.open(root / 's4_data/gt_masks' / split / category / name / f'{name}_1.png')
        )
        np.testing.assert_array_equal(mask > 0, clip.scene.render(0.9375)[1] == index)
        assert 0.01 < (mask > 0).mean() < 0.2


def test_same_seed_same_bytes_whatever_else_is_written(s4, tmp_path):
    root, _ = s4
    again = SynthAVS(image_size=48, seed=5)
    again.write_s4(tmp_path / 'more', {'test': 3, 'train': 4})
    first, second = digests(root), digests(tmp_path / 'more')
    shared = {name for name in first if name in second and not name.endswith('.csv')}
    assert len(shared) == 2 * (5 + 1 + 1) + 2 * (5 + 5 + 1)
    assert all(first[name] == second[name] for name in shared)


def test_seeds_splits_and_subsets_differ(s4, tmp_path):
    root, _ = s4
    SynthAVS(image_size=48, seed=6).write_s4(tmp_path / 'other', SPLITS)
    for suffix, part in (('.png', 'visual_frames'), ('.wav', 'audio_wav')):
        values = [
            value
            for tree in (root, tmp_path / 'other')
            for name, value in digests(tree, (suffix,)).items()
            if part in name
        ]
        assert len(set(values)) == len(values)
    synth = SynthAVS(image_size=48)
    pictures = [synth.clip(s, 'test', 0).scene.render(0)[0].tobytes() for s in ('s4', 'ms3')]
    assert pictures[0] != pictures[1]


def test_meta_holds_the_knobs_and_the_ceiling_of_the_masks_on_disk(ms3):
    root, meta = ms3
    assert json.loads((root / 'synth_meta.json').read_text()) == json.loads(json.dumps(meta))
    assert meta['complete'] is True
    assert meta['knobs']['seed'] == 5
    synth = SynthAVS(image_size=(40, 56), seed=5)
    best = []
    for index in range(2):
        clip = synth.clip('ms3', 'test', index)
        for k in range(5):
            owners = clip.scene.render(k + 0.9375)[1]
            areas = [(owners == number).sum() for number in range(3)]
            best.append(best_blind_union(areas, *clip.prior, owners.size)[0])
    assert meta['splits']['test']['ceiling'] == pytest.approx(np.mean(best), abs=1e-12)
    assert meta['splits']['test']['frames'] == 10
    assert 0.35 < np.mean(best) < 0.5


def test_s4_ceiling_is_one_third_and_train_counts_its_masks(s4):
    _, meta = s4
    assert [meta['splits'][split]['frames'] for split in SPLITS] == [2, 5, 10]
    for split in SPLITS:
        assert meta['splits'][split]['ceiling'] == pytest.approx(1 / 3, abs=1e-6)


def test_realised_score_is_that_of_the_blind_masks_against_those_on_disk(ms3):
    root, meta = ms3
    synth, scores = SynthAVS(image_size=(40, 56), seed=5), []
    for path in sorted((root / 'ms3_data/gt_masks/test').glob('*/*.png')):
        name, k = path.stem.rsplit('_', 1)
        clip = synth.clip('ms3', 'test', int(name[-5:]))
        owners = clip.scene.render(int(k) - 1 + 0.9375)[1]
        union = best_blind_union(clip.areas(owners), *clip.prior, owners.size)[1]
        guess = np.isin(owners, np.flatnonzero(union))
        truth = np.asarray(Image.open(path)) > 0
        if truth.any():
            scores.append((guess & truth).sum() / ((guess | truth).sum() + 1e-7))
        else:
            scores.append((~guess).sum() / (guess.size + 1e-7))
    assert len(scores) == 10
    assert meta['splits']['test']['realised'] == pytest.approx(np.mean(scores), abs=1e-12)


def test_clips_file_says_who_is_there_and_who_sounds(s4):
    root, _ = s4
    clips = json.loads((root / 'synth_clips.json').read_text())
    synth = SynthAVS(image_size=48, seed=5)
    for name, _, category, split in rows_of(root / 's4_meta_data.csv')[1:]:
        assert clips[name]['sounding'] == [[int(c == category) for c in clips[name]['classes']]] * 5
        clip = synth.clip('s4', split, int(name[-5:]))
        assert clips[name]['classes'] == [entry.name for entry in clip.classes]


def test_objects_file_lists_what_is_heard_and_seen(s4, ms3):
    header, *rows = rows_of(s4[0] / 'objects.csv')
    assert header == ['uid', 'a_obj', 'v_obj']
    clips = json.loads((s4[0] / 'synth_clips.json').read_text())
    for (uid, heard, seen), (name, entry) in zip(rows, clips.items(), strict=True):
        assert uid == f'{heard}/{name}'
        assert seen.split('|') == entry['classes']
    clips = json.loads((ms3[0] / 'synth_clips.json').read_text())
    rows = rows_of(ms3[0] / 'objects.csv')[1:]
    for (uid, heard, _), (name, entry) in zip(rows, clips.items(), strict=True):
        ever = np.any(entry['sounding'], axis=0)
        names = [entry['classes'][index] for index in np.flatnonzero(ever)]
        assert (uid, heard) == (name, '|'.join(names))


def test_silent_frames_are_empty_and_their_example_hears_noise_only():
    synth = SynthAVS(image_size=32, silent_prob=0.5, switch_prob=1.0, noise_level=0.001)
    loud = {False: [], True: []}
    for index in range(8):
        clip = synth.clip('ms3', 'train', index)
        wave = Soundtrack(clip, 16000, 1).render(0, 80000)[0]
        for k, state in enumerate(clip.timeline.states[:5]):
            mask = clip.truth(clip.scene.render(k + 0.9375)[1], state)
            assert mask.any() == state.any()
            # Example k without the 15 ms that it shares with each neighbour.
            heard = wave[15360 * k + 240 : 15360 * (k + 1)]
            loud[bool(state.any())].append(np.sqrt(np.mean(heard**2)))
    assert max(loud[False]) < 0.0015 < 0.008 < min(loud[True])


def test_stereo_pans_and_averages_to_mono():
    clip = SynthAVS(image_size=32).clip('s4', 'train', 3)
    mono = Soundtrack(clip, 22050, 1).render(100, 4000)
    stereo = Soundtrack(clip, 22050, 2).render(100, 4000)
    np.testing.assert_array_equal(Soundtrack(clip, 22050, 1).render(100, 4000), mono)
    np.testing.assert_allclose(stereo.mean(0, keepdims=True), mono, atol=1e-6)
    assert np.abs(stereo[0] - stereo[1]).max() > 1e-3


def test_number_of_objects_may_vary_and_clips_may_be_longer(tmp_path):
    synth = SynthAVS(image_size=32, num_objects=(2, 4), clip_seconds=7, sample_rate=22050)
    counts = {len(synth.clip('ms3', 'train', index).classes) for index in range(20)}
    assert counts == {2, 3, 4}
    synth.write_ms3(tmp_path / 'ms3', {'test': 1})
    assert len(list((tmp_path / 'ms3').rglob('*.mp4_*.png'))) == 7
    assert soundfile.info(next((tmp_path / 'ms3').rglob('*.wav'))).frames == 7 * 22050


def test_s4_with_a_single_object_has_a_ceiling_of_one(tmp_path):
    meta = SynthAVS(image_size=16, num_objects=1).write_s4(tmp_path / 's4', {'test': 1})
    assert meta['splits']['test']['ceiling'] == pytest.approx(1.0, abs=1e-6)


def test_who_sounds_is_independent_of_what_is_seen():
    """The sounding index is uniform; its class, size and place do not differ from the others'."""
    synth = SynthAVS(image_size=16)
    index, radius, x = [], [], []
    for number in range(400):
        clip = synth.clip('s4', 'train', number)
        sounding = int(clip.timeline.states[0].argmax())
        index.append(sounding)
        motions = clip.scene.motions
        radius.append(motions[sounding].radius - np.mean([m.radius for m in motions]))
        x.append(motions[sounding].home[0] - np.mean([m.home[0] for m in motions]))
    assert np.abs(np.bincount(index, minlength=3) / 400 - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 400)
    for values in (radius, x):
        assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(400)


def test_never_overwrites_without_leave(tmp_path):
    synth, root = SynthAVS(image_size=16), tmp_path / 'tree'
    synth.write_s4(root, {'test': 2})
    with pytest.raises(FileExistsError, match='force'):
        synth.write_s4(root, {'test': 1})
    synth.write_s4(root, {'test': 1}, force=True)
    (root / 'notes.txt').write_text('of the user')
    with pytest.raises(FileExistsError, match='holds notes.txt, which SynthAVS did not write'):
        synth.write_s4(root, {'test': 1}, force=True)
    (root / 'notes.txt').unlink()
    assert len(list(root.rglob('*.wav'))) == 1
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.txt').write_text('words')
    with pytest.raises(FileExistsError, match='did not write it'):
        synth.write_s4(tmp_path / 'mine', {'test': 1}, force=True)
    assert (tmp_path / 'mine' / 'thesis.txt').read_text() == 'words'


@pytest.mark.parametrize(
    ('knobs', 'message'),
    [
        (dict(num_classes=13), 'num_classes=13'),
        (dict(num_objects=9), 'different classes'),
        (dict(num_sounding=()), 'num_sounding'),
        (dict(num_sounding=(0,)), 'num_sounding'),
        (dict(image_size=8), 'image_size=8'),
        (dict(clip_seconds=0), 'clip_seconds=0'),
        (dict(sample_rate=8000), '7500 Hz'),
        (dict(channels=5), 'channels=5'),
        (dict(silent_prob=2.0), 'silent_prob'),
    ],
)
def test_bad_knobs(knobs, message):
    with pytest.raises(ValueError, match=message):
        SynthAVS(**knobs)


def test_bad_splits_and_subset(tmp_path):
    synth = SynthAVS(image_size=16)
    with pytest.raises(ValueError, match="split 'trial' is unknown"):
        synth.write_s4(tmp_path, {'trial': 1})
    with pytest.raises(ValueError, match='more sounding objects than num_objects=1 shows'):
        SynthAVS(image_size=16, num_objects=1).write_ms3(tmp_path / 'new', {'test': 1})
    with pytest.raises(ValueError, match='no clip at all'):
        synth.write_ms3(tmp_path, {'train': 0})
    with pytest.raises(ValueError, match='cannot have -1 clips'):
        synth.write_ms3(tmp_path, {'train': -1})
    with pytest.raises(ValueError, match='must be one of s4, v1s, ss, ms3'):
        synth.clip('avss', 'train', 0)
    assert not list(tmp_path.iterdir())

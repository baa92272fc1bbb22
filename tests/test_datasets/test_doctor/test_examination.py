# Copyright (c) mmavs developers. All rights reserved.
import json
import multiprocessing
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import synth_trees
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from PIL import Image
from planted_faults import FAULTS

from mmavs.datasets import LoadClipLogMel
from mmavs.datasets.doctor import examination, examine
from mmavs.registry import DATASETS
from mmavs.testing import SynthAVS


def found(diagnosis, *severities):
    return {f.check for f in diagnosis.findings if f.severity in (severities or ('error',))}


def only_train(cfg, **changes):
    """The config with its training data alone."""
    cfg = Config(dict(train_dataloader=cfg.train_dataloader))
    cfg.train_dataloader.dataset.update(changes)
    return cfg


def test_processes_find_what_one_finds(tree, config):
    root = tree('s4')
    for fault in ('frame_missing', 'sound_silent', 'test_clip_trained_on', 'sixth_frame'):
        FAULTS['s4'][fault](root)
    alone = examine(config('s4', root), workers=0)
    together = examine(config('s4', root), workers=2)
    assert alone.findings == together.findings and len(alone.findings) == 4
    assert (alone.clips, alone.files) == (together.clips, together.files)


FORKED = pytest.mark.skipif(
    multiprocessing.get_start_method() != 'fork', reason='workers would not see the changed checks'
)


@pytest.mark.parametrize('workers', [0, pytest.param(2, marks=FORKED)])
def test_a_clip_that_breaks_a_check_is_a_finding(clean_trees, config, monkeypatch, workers):
    def break_one(clip):
        if clip.task.clip_id.endswith('val_00003'):
            raise ZeroDivisionError('by a clip')
        return iter(())

    monkeypatch.setattr(examination, 'CLIP_CHECKS', [break_one])
    diagnosis = examine(config('s4', clean_trees['s4']), workers=workers)
    (finding,) = diagnosis.findings
    assert finding.check == 'check_failed' and finding.split == 'val'
    assert finding.found == 'ZeroDivisionError: by a clip'
    assert finding.clip.endswith('val_00003') and 's4_val_00003_1.png' in finding.file


@FORKED
def test_a_worker_that_dies_is_a_finding(clean_trees, config, monkeypatch):
    def die(clip):
        if clip.task.clip_id.endswith('val_00003'):
            os._exit(1)
        return iter(())

    monkeypatch.setattr(examination, 'CLIP_CHECKS', [die])
    diagnosis = examine(config('s4', clean_trees['s4']), workers=1)
    (finding,) = diagnosis.findings
    assert finding.check == 'check_failed' and 'a worker died' in finding.found


def test_headers_only(tree, config):
    root = tree('s4')
    sized = ('frame_missing', 'frame_of_another_size', 'mask_of_another_size', 'sound_too_long')
    for fault in (*sized, 'sound_silent', 'mask_with_grey_border', 'test_clip_trained_on'):
        FAULTS['s4'][fault](root)
    diagnosis = examine(config('s4', root), workers=0, fast=True)
    assert found(diagnosis) == {'missing_frames', 'frame_size', 'mask_size'}
    assert found(diagnosis, 'warning') == {'audio_long'} and diagnosis.fast


def test_the_splits_that_are_asked_for(tree, config):
    root = tree('s4')
    for fault in ('frame_missing', 'mask_missing'):  # of train and of val
        FAULTS['s4'][fault](root)
    diagnosis = examine(config('s4', root), ['val'], workers=0)
    assert found(diagnosis, 'error', 'warning') == {'missing_masks'} and diagnosis.clips == {
        'val': 5
    }


def test_wrappers_and_repeated_data_sets(tree, config):
    root = tree('s4')
    FAULTS['s4']['frame_missing'](root)
    cfg = config('s4', root)
    train, val = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
    cfg.train_dataloader.dataset = ConfigDict(
        type='ConcatDataset',
        datasets=[dict(type='RepeatDataset', dataset=train, times=3), dict(val, test_mode=False)],
    )
    cfg.test_dataloader = cfg.val_dataloader
    diagnosis = examine(cfg, workers=0)
    assert diagnosis.clips == {'train': 9, 'val': 5}
    assert [finding.check for finding in diagnosis.findings] == ['missing_frames']


def test_whole_clips_with_their_own_sound_are_examined(tree, config):
    """Whatever the config does to them in training."""
    root = tree('s4')
    FAULTS['s4']['frame_missing'](root)
    cfg = only_train(config('s4', root), frames='annotated', audio_condition='swapped', indices=1)
    diagnosis = examine(cfg, workers=0)
    assert found(diagnosis) == {'missing_frames'} and diagnosis.clips == {'train': 9}


def test_clips_that_are_cut_short(tree, config):
    root = tree('s4')

    def start_late(rows):
        return [[row[0], 6, *row[2:]] if row[0] == 's4_train_00000' else row for row in rows]

    synth_trees.edit_csv(root / 's4_meta_data.csv', start_late)
    synth_trees.frame_of(root, 'train', 0, frame=5).unlink()
    synth_trees.resound(synth_trees.sound_of(root, 'train', 0), lambda sound: sound[:64000])
    diagnosis = examine(config('s4', root), workers=0)
    assert found(diagnosis, 'error', 'warning') == set()
    assert {'cut_short', 'audio_short'} <= found(diagnosis, 'info')


def test_an_encoder_that_hears_seconds_needs_all_of_them(tree, config):
    """4.9 s are enough for VGGish and 5 frames."""
    root = tree('s4')
    synth_trees.resound(synth_trees.sound_of(root, 'train', 0), lambda sound: sound[:78400])
    cfg = config('s4', root)
    assert not found(examine(cfg, workers=0), 'error', 'warning')
    loaders = [s for s in cfg.train_dataloader.dataset.pipeline if s.type == 'LoadClipAudio']
    loaders[0].update(hears='second')
    (finding,) = (f for f in examine(cfg, workers=0).findings if f.severity != 'info')
    assert finding.check == 'audio_short' and finding.expected == 'at least 5.000 s for 5 frames'


@pytest.mark.parametrize('counts, errors', [('auto', 0), ('off', 0), ('published', 3)])
def test_counts_of_a_synthetic_tree(clean_trees, config, counts, errors):
    diagnosis = examine(config('avss', clean_trees['avss']), workers=0, counts=counts)
    numbers = [f.expected for f in diagnosis.findings if f.check == 'clip_count']
    assert len(numbers) == errors == diagnosis.count('error')
    if errors:
        assert any('8498 clips' in number for number in numbers)


def test_counts_of_another_tree(tree, config):
    root = tree('vpo_ms')
    (root / 'synth_meta.json').unlink()
    findings = examine(config('vpo_ms', root), workers=0).findings
    counts = {f.split: (f.severity, f.found) for f in findings if f.check == 'clip_count'}
    assert counts == {  # nobody has checked those of the splits
        'total': ('error', '4 clips (total)'),
        'train': ('info', '2 clips (train)'),
        'test': ('info', '2 clips (test)'),
    }


def test_a_part_of_avss_is_not_counted(tree, config):
    root = tree('avss')
    shutil.rmtree(root / 'v2')
    cfg = config('avss', root)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.subsets = ['v1s', 'v1m']
    diagnosis = examine(cfg, workers=0)
    assert found(diagnosis, 'error', 'warning') == set() and diagnosis.clips['train'] == 2
    assert 'clip_count' in found(diagnosis, 'info')


def with_step(cfg, old, new):
    for split in ('train', 'val', 'test'):
        steps = cfg[f'{split}_dataloader'].dataset.pipeline
        steps[:] = [dict(type=new) if step.type == old else step for step in steps]
    return cfg


def write_logmel(root, change=lambda values: values):
    for path in Path(root).glob('ms3_data/audio_wav/*/*.wav'):
        values = np.random.default_rng(0).normal(size=(5, 1, 96, 64)).astype(np.float32)
        target = Path(str(path).replace('audio_wav', 'audio_log_mel')).with_suffix('.npy')
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, change(values))
        path.unlink()
    return target


def add_nan(values):
    values[1, 0, 3] = np.nan
    return values


@pytest.mark.parametrize(
    'change, check',
    [
        (lambda values: values, None),
        (lambda values: values[:4], 'logmel_shape'),
        (lambda values: values.astype(np.float64), 'logmel_shape'),
        (lambda values: values[0], 'logmel_shape'),
        (add_nan, 'logmel_values'),
        (lambda values: np.array([None]), 'unreadable_logmel'),  # a pickle
    ],
)
def test_log_mel_files(tree, config, change, check):
    root = tree('ms3')
    write_logmel(root, change)
    cfg = with_step(config('ms3', root), 'LoadClipAudio', LoadClipLogMel.__name__)
    diagnosis = examine(cfg, workers=0)
    assert found(diagnosis, 'error', 'warning') == ({check} if check else set())
    fast = examine(cfg, workers=0, fast=True)
    assert found(fast) == ({check} if check not in (None, 'logmel_values') else set())


def test_log_mel_files_that_are_not_there(tree, config):
    root = tree('ms3')
    path = write_logmel(root)
    path.unlink()
    cfg = with_step(config('ms3', root), 'LoadClipAudio', LoadClipLogMel.__name__)
    (finding,) = examine(cfg, workers=0, counts='off').findings[:1]
    assert finding.check == 'missing_logmel' and finding.file == str(path)


def test_maskiges(tmp_path, root):
    tree = tmp_path / 'ms3'
    SynthAVS(image_size=32).write_ms3(tree, {'train': 2, 'test': 2}, maskige=True)
    first, second = sorted(tree.rglob('ms3_train_*_mask_color.png'))[:2]
    cfg = only_train(synth_trees.config_of('ms3', tree, root))
    dataset = cfg.train_dataloader.dataset
    dataset.data_prefix = dict(maskige_path=str(first.parents[1].relative_to(tree)))
    dataset.pipeline.insert(1, dict(type='LoadClipMaskiges'))
    assert found(examine(cfg, workers=0), 'error', 'warning') == set()
    first.unlink()
    Image.open(second).resize((8, 8)).save(second)
    diagnosis = examine(cfg, workers=0)
    errors = {f.check: f.file for f in diagnosis.findings if f.severity == 'error'}
    assert errors == {'missing_maskiges': str(first), 'maskige_size': str(second)}
    dataset.data_prefix = {}
    assert 'missing_maskiges' in found(examine(cfg, workers=0))


@pytest.mark.parametrize('binary', [False, True])
@pytest.mark.parametrize('source', ['rgb', 'semantic'])
def test_masks_of_avss(tree, config, source, binary):
    root = tree('avss')
    cfg = only_train(config('avss', root), label_source=source, binary=binary)
    assert found(examine(cfg, workers=0), 'error', 'warning') == set()
    wrong = {'rgb': (1, 2, 3), 'semantic': 71}[source]

    def spoil(labels):
        labels[:2, :3] = wrong
        return labels

    path = synth_trees.one(root, f'v2/*train*/labels_{source}/3.png')
    synth_trees.repaint(path, spoil)
    (finding,) = [f for f in examine(cfg, workers=0).findings if f.severity == 'error']
    assert (finding.check, finding.file) == ('mask_values', str(path))
    expected = {'rgb': 'colour (1, 2, 3) on 6 pixels', 'semantic': 'id 71 on 6 pixels'}[source]
    assert finding.found == expected


def test_masks_of_another_size_where_the_config_allows_it(tree, config):
    root = tree('s4')
    for path in root.glob('s4_data/gt_masks/test/*/*/*.png'):
        synth_trees.repaint(path, lambda mask: mask[::2, ::2])
    cfg = config('s4', root)
    assert found(examine(cfg, workers=0)) == {'mask_size'}
    cfg.test_dataloader.dataset.pipeline = [
        dict(type='LoadClipFrames'),
        dict(type='LoadClipMasks', same_size=False),
        dict(type='LoadClipAudio'),
    ]
    assert found(examine(cfg, workers=0), 'error', 'warning') == set()


def test_rates_and_channels_are_notes(tree, config):
    root = tree('ms3')
    for path in root.glob('ms3_data/audio_wav/train/*.wav'):
        waveform, _ = soundfile.read(path)
        soundfile.write(path, np.stack([waveform] * 2, -1).repeat(2, 0), 32000)
    diagnosis = examine(config('ms3', root), workers=0)
    assert found(diagnosis, 'error', 'warning') == set()
    (note,) = [f for f in diagnosis.findings if f.check == 'audio_format']
    assert note.found == '3 files have 32000 Hz and 2 channels'
    assert note.expected == '16000 Hz, mono' and 'ms3_train' in note.file


def test_more_than_two_channels(tree, config):
    root = tree('ms3')
    path = synth_trees.one(root, 'ms3_data/audio_wav/train/*.wav')
    synth_trees.resound(path, lambda sound: np.stack([sound] * 4, -1))
    cfg = only_train(config('ms3', root))
    assert found(examine(cfg, workers=0)) == set()
    cfg.train_dataloader.dataset.pipeline = [dict(type='LoadClipAudio', mono=False)]
    assert found(examine(cfg, workers=0)) == {'audio_channels'}


def test_a_relative_root(tree, config, monkeypatch):
    root = tree('s4')
    FAULTS['s4']['sixth_frame'](root)
    FAULTS['s4']['clip_without_row'](root)
    monkeypatch.chdir(root)
    for data_root in ('.', '', f'../{root.name}'):
        diagnosis = examine(config('s4', data_root), workers=0)
        files = {f.check: f.file for f in diagnosis.findings if f.severity == 'warning'}
        assert set(files) == {'extra_files', 'unlisted_clips'}, data_root
        assert all(not os.path.isabs(file) and os.path.exists(file) for file in files.values())


def test_configs_that_cannot_be_used(clean_trees, config):
    with pytest.raises(ValueError, match='no data loader of train, val, test'):
        examine(Config(dict(model=dict())), workers=0)
    cfg = only_train(config('s4', clean_trees['s4']), type='NoDataset')
    with pytest.raises(KeyError, match='NoDataset'):
        examine(cfg, workers=0)
    cfg = only_train(config('s4', clean_trees['s4']), colour='red')
    with pytest.raises(TypeError, match='colour'):
        examine(cfg, workers=0)
    cfg = Config(dict(val_dataloader=dict(dataset=dict(type=BaseDataset))))
    with pytest.raises(TypeError, match='is no BaseAVSDataset'):
        examine(cfg, workers=0)


def test_no_data_at_all(tmp_path, config):
    diagnosis = examine(config('s4', tmp_path / 'nothing'), workers=0)
    assert {f.check for f in diagnosis.findings} == {'data_list'} and diagnosis.clips == {}
    (first, *_) = diagnosis.findings
    assert first.file.endswith('s4_meta_data.csv') and 'is not a folder' in first.found


def test_an_interrupted_synthetic_tree_is_not_counted(tree, config):
    root = tree('s4')
    path = root / 'synth_meta.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'splits': {}}))
    assert examine(config('s4', root), workers=0).findings == []
    path.write_text('{"spl')
    assert examine(config('s4', root), workers=0).findings == []


def test_nothing_is_printed_or_warned(tree, config, capfd):
    root = tree('s4')
    for fault in ('frame_cut_off', 'mask_is_a_web_page', 'sound_with_nan', 'mask_in_colours'):
        FAULTS['s4'][fault](root)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert examine(config('s4', root), workers=0).count('error') == 4
    assert capfd.readouterr().out == ''


@pytest.mark.parametrize('name', ['s4', 'ms3', 'avss'])
def test_the_layout_of_vct_beside_the_official_one(tmp_path, root, name):
    """Frames of 384 with Maskiges, and masks of 224 for tests; here a tenth of that."""
    synth, splits = SynthAVS(image_size=32), {'train': 3, 'val': 3, 'test': 3}
    options = dict(maskige=True, vct_layout=True, vct_sizes=(38, 22))
    getattr(synth, f'write_{name}')(tmp_path / name, splits, **options)
    for size in ('384x384', '224x224'):
        prefix = 'avss' if name == 'avss' else f'avsbench_{name}'
        cfg = Config.fromfile(root / f'configs/_base_/datasets/{prefix}_{size}.py')
        for split in splits:
            cfg[f'{split}_dataloader'].dataset.data_root = str(tmp_path / name)
        diagnosis = examine(cfg, workers=0)
        assert found(diagnosis, 'error', 'warning') == set()
        assert diagnosis.clips == splits
    cfg = Config.fromfile(root / f'configs/_base_/datasets/{prefix}_384x384.py')
    cfg.train_dataloader.dataset.data_root = str(tmp_path / name)
    maskige = DATASETS.build(cfg.train_dataloader.dataset).get_data_info(0)['maskige_paths'][0]
    os.remove(maskige)
    (finding, *_) = examine(cfg, ['train'], workers=0).findings
    assert (finding.check, finding.file) == ('missing_maskiges', maskige)

# Copyright (c) mmavs developers. All rights reserved.
"""VPO on a tiny tree in the official layout."""

import re

import numpy as np
import pytest
import soundfile
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from PIL import Image

import mmavs.datasets.transforms.colour_jitter
import mmavs.datasets.transforms.mixed_audio  # noqa: F401
from mmavs.datasets.vpo import COCO_IDS, LABEL_MAP, VPO_CLASSES, VPODataset

COLUMNS = ('cateName', 'cateId', 'img_Id', 'ann_Ids', 'vgg_file', 'split', 'audio_pos')
LOAD = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    dict(type='LoadMixedAudio', stereo=True),
]
# cateName, img_Id, ann_Ids, vgg_file, split, audio_pos, multi_instance
SS = [
    ('dog', 139, 20, 'dog_0', 'train', 0.25, None),
    ('car', 139, 21, 'car_0', 'train', 0.75, None),
    ('car', 285, 22, 'car_1', 'train', 1, None),
    ('cell phone', 285, 23, 'phone', 'val', 0, None),
    ('female', 632, 24, 'dog_0', 'val', 0.5, None),
]
MS = [
    ('dog', 139, 20, 'dog_0', 'train', 0.25, 0),
    ('car', 285, 22, 'car_1', 'train', 1, 0),
    ('car', 139, 21, 'car_0', 'train', 0.75, 0),
    ('cell phone', 285, 23, 'phone', 'train', 0, 0),
    ('female', 632, 24, 'dog_0', 'val', 0.5, 0),
]
MSMI = [
    *MS,
    ('car', 724, 25, 'car_0', 'train', 0.1, 1),
    ('car', 724, 26, 'car_1', 'train', 0.9, 1),
    ('car', 724, 27, 'car_1', 'train', 0.8, 1),
]


def write_rows(root, folder, rows):
    """The csv of a setup, and pictures and masks: instance k is column 4 * k to 4 * k + 3."""
    setup = folder.split('-')[1].lower()
    columns = (*COLUMNS, 'multi_instance') if setup == 'msmi' else COLUMNS
    lines = [','.join(columns)]
    masks = {}
    for name, image, annotation, file, split, position, multi in rows:
        values = (name, COCO_IDS.get(name, 1), image, annotation, file, split, position, multi)
        lines.append(','.join(str(value) for value in values[: len(columns)]))
        place = 'VPO-MS' if multi == 0 else folder
        image_file = f'{name}/{image:012d}' if setup == 'ss' else f'{image:012d}'
        mask_file = f'{image_file}_{annotation:012d}' if setup == 'ss' else image_file
        mask = masks.setdefault((place, mask_file), [np.zeros((24, 30), np.uint8), 0])
        mask[0][:, 4 * mask[1] : 4 * mask[1] + 4] = COCO_IDS.get(name, 1)
        mask[1] += 1
        picture = root / place / 'data' / f'{image_file}.jpg'
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((24, 30, 3), image % 256, np.uint8)).save(picture)
        sound = root.parent / 'vggsound_bench/VGGSound/audios' / f'{file}.wav'
        sound.parent.mkdir(parents=True, exist_ok=True)
        waveform = np.random.default_rng(list(file.encode())).uniform(-0.5, 0.5, 80000)
        soundfile.write(sound, waveform, 16000)
    for (place, file), (mask, _) in masks.items():
        path = root / place / 'mask' / f'{file}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / f'vpo_{setup}_data_stereo.csv').write_text('\n'.join(lines) + '\n')


@pytest.fixture
def data(tmp_path):
    write_rows(tmp_path / 'VPO', 'VPO-SS', SS)
    write_rows(tmp_path / 'VPO', 'VPO-MS', MS)
    write_rows(tmp_path / 'VPO', 'VPO-MSMI', MSMI)
    return tmp_path


def vpo(data, setup='ms', **kwargs):
    return VPODataset(setup, data_root=str(data), **kwargs)


def csv_of(data, setup='ms'):
    return data / f'VPO/VPO-{setup.upper()}/vpo_{setup}_data_stereo.csv'


def test_single_source_is_one_row_one_sample(data):
    train, test = vpo(data, 'ss'), vpo(data, 'ss', split='test')
    assert [info['clip_id'] for info in train] == ['139_20', '139_21', '285_22']
    assert [info['clip_id'] for info in test] == ['285_23', '632_24']
    info = test[0]
    assert info['split'] == 'test' and info['subset'] == 'ss' and info['num_classes'] == 22
    assert info['img_paths'] == [f'{data}/VPO/VPO-SS/data/cell phone/000000000285.jpg']
    assert info['mask_paths'] == [
        f'{data}/VPO/VPO-SS/mask/cell phone/000000000285_000000000023.png'
    ]
    assert info['audio_paths'] == [f'{data}/vggsound_bench/VGGSound/audios/phone.wav']
    assert info['audio_positions'] == [0.0] and 'audio_path' not in info
    assert info['category'] == 'cell phone' and info['sounding_classes'] == [0, 7]
    assert info['heard_objects'] == info['seen_objects'] == ['cell phone']
    assert info['num_clip_frames'] == 1 and info['frame_indices'] == [0]


def test_multiple_sources_are_one_picture_one_sample(data):
    first, second = vpo(data)
    assert (first['clip_id'], second['clip_id']) == ('139', '285')
    sounds = f'{data}/vggsound_bench/VGGSound/audios'
    assert first['audio_paths'] == [f'{sounds}/dog_0.wav', f'{sounds}/car_0.wav']
    assert first['audio_positions'] == [0.25, 0.75]
    assert second['audio_paths'] == [f'{sounds}/car_1.wav', f'{sounds}/phone.wav']
    assert first['heard_objects'] == ['dog', 'car']
    assert first['img_paths'] == [f'{data}/VPO/VPO-MS/data/000000000139.jpg']
    assert 'sounding_classes' not in first and 'category' not in first
    both = vpo(data, split=['train', 'test'])
    assert [(i['clip_id'], i['split']) for i in both][2] == ('632', 'test') and len(both) == 3


def test_pictures_without_twins_are_those_of_ms(data):
    items = {info['clip_id']: info for info in vpo(data, 'msmi')}
    assert set(items) == {'139', '285', '724'}
    for name, folder in (('139', 'VPO-MS'), ('285', 'VPO-MS'), ('724', 'VPO-MSMI')):
        assert items[name]['img_paths'] == [f'{data}/VPO/{folder}/data/{int(name):012d}.jpg']
        assert items[name]['mask_paths'] == [f'{data}/VPO/{folder}/mask/{int(name):012d}.png']
    assert len(items['724']['audio_paths']) == 3 and items['724']['heard_objects'] == ['car']
    (data / 'VPO/VPO-MS/data').rename(data / 'VPO/VPO-MS/gone')
    with pytest.raises(FileNotFoundError, match='no folder ".*VPO-MS/data".*put VPO-MS beside'):
        vpo(data, 'msmi')


def test_label_table_is_the_sheets():
    names = (
        'background, airplane, baby, bird, bus, car, cat, cell phone, cow, dog, elephant, female, '
        'horse, keyboard, male, motorcycle, mouse, sheep, skateboard, sports ball, tennis racket, '
        'zebra'
    )
    assert ', '.join(VPO_CLASSES) == names
    ids = [0, 5, 94, 16, 6, 3, 17, 77, 21, 18, 22, 93, 19, 76, 92, 4, 74, 20, 41, 37, 43, 24]
    expected = [ids.index(value) if value in ids else -1 for value in range(255)]
    assert LABEL_MAP.tolist() == [*expected, 255]
    dataset_meta = VPODataset.METAINFO
    assert dataset_meta['classes'] == VPO_CLASSES
    assert len({tuple(colour) for colour in dataset_meta['palette']}) == 22


def test_masks_are_remapped_at_once(data):
    """Cars beside airplanes: the pair that the official loader merges."""
    path = data / 'VPO/VPO-MS/mask/000000000139.png'
    mask = np.zeros((24, 30), np.uint8)
    mask[:8], mask[8:16], mask[16:20] = COCO_IDS['car'], COCO_IDS['airplane'], 255
    Image.fromarray(mask).save(path)
    (labels,) = vpo(data, pipeline=LOAD[:2])[0]['gt_seg_maps']
    assert labels[:, 0].tolist() == [5] * 8 + [1] * 8 + [255] * 4 + [0] * 4
    mask[0, 0] = 44  # bottle
    Image.fromarray(mask).save(path)
    with pytest.raises(ValueError, match=r'000000000139\.png has the value 44'):
        vpo(data, pipeline=LOAD[:2])[0]


def test_packed_sample(data):
    pipeline = [*LOAD, dict(type='PackAVSInputs')]
    item = vpo(data, 'ms', pipeline=pipeline)[0]
    assert item['inputs']['imgs'].shape == (1, 3, 24, 30)
    assert item['inputs']['audio'].shape == (2, 48000)
    sample = item['data_samples']
    labels = sample.gt_sem_seg.data[0, 0]
    assert labels[:9].tolist() == [9] * 4 + [5] * 4 + [0]
    assert sample.gt_audio_labels.nonzero().flatten().tolist() == [0, 5, 9]
    assert sample.frame_annotated.tolist() == [True]
    assert (sample.subset, sample.split, sample.clip_id) == ('ms', 'train', '139')
    # SS: from the csv, whatever the mask shows.
    sample = vpo(data, 'ss', split='test', pipeline=pipeline)[1]['data_samples']
    assert sample.gt_audio_labels.nonzero().flatten().tolist() == [0, 11]


@pytest.mark.parametrize('setup', ['ss', 'ms'])
def test_flip_mirrors_picture_and_positions(data, setup):
    flip = [dict(type='ClipBroadcaster', transforms=[dict(type='RandomFlip', prob=1.0)])]
    plain = vpo(data, setup, pipeline=LOAD)[0]
    flipped = vpo(data, setup, pipeline=[*LOAD, *flip, dict(type='FlipStereo')])[0]
    assert np.array_equal(flipped['gt_seg_maps'][0], plain['gt_seg_maps'][0][:, ::-1])
    assert np.array_equal(flipped['audio'], plain['audio'][::-1])
    assert not np.array_equal(flipped['audio'], plain['audio'])
    path = csv_of(data, setup)
    text = path.read_text()
    for old, new in ((',0.25', ',A'), (',0.75', ',0.25'), (',A', ',0.75')):
        text = text.replace(old, new)
    path.write_text(text)
    mirrored = vpo(data, setup, pipeline=LOAD)[0]
    assert np.allclose(mirrored['audio'], flipped['audio'], atol=1e-6)


@pytest.mark.parametrize('name', ['silence', 'noise', 'swapped', 'offscreen'])
def test_audio_conditions(data, name):
    plain = vpo(data, 'ss', pipeline=LOAD)
    changed = vpo(data, 'ss', pipeline=LOAD, audio_condition=name)
    for ours, theirs in zip(plain, changed):
        assert np.array_equal(ours['imgs'], theirs['imgs'])
        assert ours['audio'].shape == theirs['audio'].shape
        assert not np.array_equal(ours['audio'], theirs['audio'])
    if name in ('swapped', 'offscreen'):
        partners = [info['audio_clip_id'] for info in changed]
        positions = {info['clip_id']: info['audio_positions'] for info in plain}
        assert [i['audio_positions'] for i in changed] == [positions[p] for p in partners]
        assert partners[0] in ('139_21', '285_22')  # a car for the dog
        if name == 'offscreen':
            assert partners[1:] == ['139_20', '139_20']


def test_sounds_of_a_folder_come_from_the_middle(data):
    folder = str(data / 'vggsound_bench/VGGSound/audios')
    item = vpo(data, audio_condition='offscreen', condition_cfg=dict(sound_folder=folder))[0]
    assert item['audio_paths'] == [item['audio_clip_id']] and item['audio_positions'] == [0.5]


@pytest.mark.parametrize(
    'setup, old, new, message',
    [
        ('ms', 'dog,18', 'cow bell,18', 'picture 139 has the class "cow bell", expected one of'),
        ('ms', ',0.25', ',1.25', 'audio_pos of picture 139 is "1.25", expected a number from 0'),
        ('ms', ',0.25', ',left', 'audio_pos of picture 139 is "left"'),
        ('ms', ',139,', ',a139,', 'img_Id of picture a139 is "a139", expected a whole number'),
        ('ms', ',train,', ',dev,', "unknown split \"dev\", expected one of ('train', 'test', 'val"),
        ('ms', 'audio_pos', 'position', "lacks ['audio_pos']"),
        ('ss', ',20,', ',[20],', 'ann_Ids of picture 139 is "[20]"'),
        ('msmi', '0.9,1', '0.9,0', "picture 724 have multi_instance ['0', '1'], expected 0 or 1"),
        ('msmi', '0.25,0', '0.25,no', "picture 139 have multi_instance ['0', 'no']"),
        ('msmi', 'multi_instance', 'multi', "lacks ['multi_instance']"),
    ],
)
def test_bad_csv(data, setup, old, new, message):
    path = csv_of(data, setup)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        vpo(data, setup)
    assert str(path) in str(error.value)


def test_bad_arguments_and_layout(data):
    with pytest.raises(ValueError, match=r"setup is 'SS', expected one of \('ss', 'ms', 'msmi'\)"):
        vpo(data, 'SS')
    with pytest.raises(ValueError, match=r"split is 'val', expected one of \('train', 'test'\)"):
        vpo(data, split='val')
    (data / 'vggsound_bench').rename(data / 'sounds')
    with pytest.raises(FileNotFoundError, match='no folder ".*VGGSound/audios"'):
        vpo(data)
    prefix = dict(audio_path='sounds/VGGSound/audios')
    assert len(vpo(data, data_prefix=prefix)) == 2


def test_repeated_rows_of_a_single_source_get_names_of_their_own(data):
    path = csv_of(data, 'ss')
    path.write_text(path.read_text() + 'dog,18,139,20,car_1,train,0.1\n')
    names = [info['clip_id'] for info in vpo(data, 'ss')]
    assert names == ['139_20', '139_21', '285_22', '139_20_2']


def test_published_counts_add_up():
    for setup in VPODataset.SETUPS:
        counts = VPODataset.PUBLISHED_COUNTS[setup]
        assert counts['total'] == counts['train'] + counts['test']


@pytest.mark.parametrize('setup', ['ss', 'ms', 'msmi'])
@pytest.mark.parametrize('stereo', [False, True])
def test_base_config(root, data, setup, stereo):
    cfg = Config.fromfile(root / f'configs/_base_/datasets/vpo_{setup}_512x512.py')
    assert Config.fromstring(cfg.pretty_text, '.py').to_dict() == cfg.to_dict()
    assert cfg.val_evaluator == cfg.test_evaluator == dict(type='PerDatasetMetric')
    for key, split in (('train', 'train'), ('val', 'test'), ('test', 'test')):
        name = f'{key}_dataloader'
        if stereo:
            cfg.merge_from_dict({f'{name}.dataset.pipeline.2.stereo': True})
        loader = cfg[name]
        assert (loader.dataset.setup, loader.dataset.split) == (setup, split)
        assert loader.batch_size == (8 if key == 'train' else 1)
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(data)
        with DefaultScope.overwrite_default_scope('mmavs'):
            batch = next(iter(Runner.build_dataloader(loader)))
        for imgs, audio, sample in zip(*batch['inputs'].values(), batch['data_samples']):
            size = (512, 512) if key == 'train' else (24, 30)
            assert imgs.shape == (1, 3, *size) and audio.shape == (1 + stereo, 48000)
            assert sample.gt_sem_seg.data.shape == (1, *size)
            if key == 'train':  # at most doubled, so the rest is padding
                labels = sample.gt_sem_seg.data[0]
                assert (labels[48:] == 255).all() and (labels[:, 60:] == 255).all()
                assert imgs[0, :, -1, -1].tolist() == [124, 116, 104]
                assert torch.unique(labels[:12, :15]).tolist()[-1] < 22

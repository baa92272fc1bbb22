# Copyright (c) mmavs developers. All rights reserved.
"""AVSBench-semantic on a tree in the official layout."""

import re

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmavs.datasets import AVSBenchSemanticDataset
from mmavs.datasets.avss_classes import AVSS_CLASSES, voc_palette
from mmavs.datasets.avss_partition import save_partition
from mmavs.registry import DATASETS


def avss(root, **kwargs):
    return AVSBenchSemanticDataset(data_root=str(root), **kwargs)


def relative(paths, root):
    return [path if path is None else path[len(str(root)) + 1 :] for path in paths]


def infos(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def ids(dataset):
    return [info['clip_id'] for info in infos(dataset)]


def test_paths(avss_root):
    # What lies beside the frames is not looked at: names are made by number.
    (avss_root / 'v1s/a_0_5000/frames/.DS_Store').write_text('')
    (avss_root / 'v1s/a_0_5000/frames/5.jpg').write_text('')
    single, multi, new = infos(avss(avss_root, split='train'))
    assert (single['clip_id'], single['subset'], single['split']) == (
        'v1s/a_0_5000',
        'v1s',
        'train',
    )
    clip = 'v1s/a_0_5000'
    assert relative(single['img_paths'], avss_root) == [f'{clip}/frames/{i}.jpg' for i in range(5)]
    masks = relative(single['mask_paths'], avss_root)
    assert masks == [f'{clip}/labels_semantic/0.png'] + [None] * 4
    assert relative([single['audio_path'], single['logmel_path']], avss_root) == [
        f'{clip}/audio.wav',
        f'{clip}/audio.npy',
    ]
    assert [len(info['img_paths']) for info in (single, multi, new)] == [5, 5, 10]
    assert [len([m for m in info['mask_paths'] if m]) for info in (single, multi, new)] == [
        1,
        5,
        10,
    ]
    assert new['frame_indices'] == list(range(10)) and new['num_clip_frames'] == 10
    assert single['num_classes'] == 71 and 'partition' not in single
    assert 'maskige_paths' not in single


def test_all_frames_of_v1s_are_annotated_in_val_and_test(avss_root):
    for split in ('val', 'test'):
        info = avss(avss_root, split=split, subsets='v1s')[0]
        assert len(info['mask_paths']) == 5 and None not in info['mask_paths']


def test_objects(avss_root):
    dog, both, man = infos(avss(avss_root, split='train'))
    assert dog['heard_objects'] == dog['seen_objects'] == ['dog']
    assert both['heard_objects'] == ['dog', 'cat']
    assert man['heard_objects'] == ['man', 'background'] and man['seen_objects'] == ['man']


def test_subsets_and_folders(avss_root):
    assert ids(avss(avss_root, split='train', subsets='v2')) == ['v2/c_0_10000']
    assert ids(avss(avss_root, split=('val', 'test'), subsets=('v1s', 'v1m'))) == [
        'v1s/d_0_5000',
        'v1s/f_0_5000',
    ]
    info = avss(
        avss_root,
        split='val',
        label_source='rgb',
        frame_folder='processed_frames_384',
        data_prefix=dict(maskige_path='pre_SAM_mask/AVSBench_semantic'),
    )[1]
    clip = 'v2/e_0_10000'
    assert relative(info['img_paths'], avss_root)[9] == f'{clip}/processed_frames_384/9.jpg'
    assert relative(info['mask_paths'], avss_root)[9] == f'{clip}/labels_rgb/9.png'
    assert (
        relative(info['maskige_paths'], avss_root)[9]
        == f'pre_SAM_mask/AVSBench_semantic/{clip}/processed_frames_384/9_mask_color.png'
    )
    info = avss(avss_root, split='val', label_folder='processed_labels_semantic')[0]
    assert relative(info['mask_paths'], avss_root)[0].endswith('processed_labels_semantic/0.png')
    cut = avss(avss_root, data_prefix=dict(maskige_path='m'), frames='annotated', split='train')[0]
    assert len(cut['maskige_paths']) == len(cut['img_paths']) == 1


@pytest.mark.parametrize('source', ['semantic', 'rgb'])
def test_items(avss_root, make, pipeline, source):
    pipeline.pop(3)  # as stored
    dataset = avss(avss_root, split='train', label_source=source, pipeline=pipeline)
    for index, frames, annotated in ((0, 5, 1), (1, 5, 5), (2, 10, 10)):
        item = dataset[index]
        sample = item['data_samples']
        assert item['inputs']['imgs'].shape == (frames, 3, 20, 24)
        assert item['inputs']['audio'].shape == (1, 16000 * frames)
        assert sample.frame_annotated.tolist() == [i < annotated for i in range(frames)]
        expected = np.full((frames, 20, 24), 255)
        for number in range(annotated):
            expected[number] = make.labels(index, number)
        assert np.array_equal(sample.gt_sem_seg.data.numpy(), expected)
        sounding = sample.gt_audio_labels
        assert sounding.shape == (71,) and sounding.dtype == torch.float32
        present = sorted(set(np.unique(expected)) - {255})
        assert sounding.nonzero().flatten().tolist() == present
        assert sample.subset == ('v1s', 'v1m', 'v2')[index]


@pytest.mark.parametrize('source', ['semantic', 'rgb'])
def test_binary(avss_root, make, pipeline, source):
    pipeline.pop(3)
    dataset = avss(avss_root, split='test', binary=True, label_source=source, pipeline=pipeline)
    assert dataset.metainfo['classes'] == ('background', 'sounding')
    sample = dataset[1]['data_samples']
    expected = np.stack([make.labels(6, number) > 0 for number in range(10)])
    assert np.array_equal(sample.gt_sem_seg.data.numpy(), expected)
    assert 'gt_audio_labels' not in sample
    assert 'num_classes' not in dataset.get_data_info(0)


def test_classes_are_those_of_the_file(avss_root):
    for lazy in (False, True):
        metainfo = avss(avss_root, lazy_init=lazy).metainfo
        assert metainfo['classes'] == AVSS_CLASSES and metainfo['palette'] == voc_palette(71)
    cfg = dict(type='mmavs.AVSBenchSemanticDataset', data_root=str(avss_root))
    assert DATASETS.build(cfg).metainfo['classes'] == AVSS_CLASSES
    (avss_root / 'few.json').write_text('{"background": 7, "dog": 1, "cat": 3}')
    dataset = avss(avss_root, num_classes=3, class_file='few.json', split='train')
    assert dataset.metainfo['classes'] == ('background', 'dog', 'cat')
    assert dataset.metainfo['palette'] == voc_palette(3)
    assert infos(dataset)[2]['seen_objects'] == []
    with pytest.raises(ValueError, match=r'few\.json has 3 names, expected .* 71'):
        avss(avss_root, class_file='few.json')


def test_given_metainfo_wins(avss_root, tmp_path):
    german = ('Hintergrund', *AVSS_CLASSES[1:17], 'Hund', *AVSS_CLASSES[18:])
    grey = [[index] * 3 for index in range(71)]
    for lazy in (False, True):
        dataset = avss(avss_root, metainfo=dict(classes=german, year=2023), lazy_init=lazy)
        assert dataset.metainfo['classes'] == german and dataset.metainfo['year'] == 2023
        assert dataset.metainfo['palette'] == voc_palette(71)
    dataset = avss(avss_root, metainfo=Config(dict(palette=grey)), split='train')
    assert dataset.metainfo['palette'] == grey and dataset.metainfo['classes'] == AVSS_CLASSES
    # Objects are looked up by the names of the data.
    dataset = avss(avss_root, metainfo=dict(classes=german), split='train')
    assert infos(dataset)[0]['seen_objects'] == ['dog']
    names = dict(classes=['still', 'loud'])
    dataset = avss(avss_root, metainfo=names, binary=True)
    assert (
        dataset.metainfo['classes'] == ['still', 'loud'] and len(dataset.metainfo['palette']) == 2
    )
    (tmp_path / 'names.txt').write_text('\n'.join(german))  # mmengine reads files of names
    dataset = avss(avss_root, metainfo=dict(classes=str(tmp_path / 'names.txt')))
    assert dataset.metainfo['classes'] == list(german)


SWAPPED = (*AVSS_CLASSES[:12], 'dog', *AVSS_CLASSES[13:17], 'cat', *AVSS_CLASSES[18:])


@pytest.mark.parametrize(
    'metainfo, message',
    [
        (
            dict(classes=('background', 'dog')),
            'metainfo.classes is of 2, expected a list of 71: on',
        ),
        (dict(palette=[[0, 0, 0]]), 'metainfo.palette is of 1, expected a list of 71'),
        (dict(classes='nothing.txt'), "metainfo.classes is 'nothing.txt', expected a list of 71"),
        (
            dict(classes=SWAPPED),
            'metainfo.classes has "dog" at position 12, but it is class 17 of the labels, and 12 '
            'is "cat". Give the names in the order of the ids',
        ),
        (dict(classes=AVSS_CLASSES[1:] + ('background',)), '"accordion" at position 0, but it is'),
    ],
)
def test_metainfo_that_contradicts_the_labels(avss_root, metainfo, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        avss(avss_root, metainfo=metainfo)
    with pytest.raises(ValueError, match='metainfo.classes is of 71, expected a list of 2'):
        avss(avss_root, metainfo=dict(classes=AVSS_CLASSES), binary=True)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(subsets=('v1s', 'v3')), "subsets is 'v3', expected one of ('v1s', 'v1m', 'v2')"),
        (dict(label_source='color'), "label_source is 'color'"),
        (dict(partition='both'), "partition is 'both', expected one of ('ss', 'ms', 'all')"),
        (dict(partition_rule='names'), "partition_rule is 'names'"),
        (dict(split='val', subsets='v1m'), 'but none of them is left by the arguments'),
    ],
)
def test_wrong_arguments(avss_root, kwargs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        avss(avss_root, **kwargs)


def test_files_that_do_not_fit(avss_root, make):
    (avss_root / 'v1m').rename(avss_root / 'elsewhere')
    with pytest.raises(FileNotFoundError, match='no folder ".*v1m", but .*leave it out of subsets'):
        avss(avss_root)
    assert len(avss(avss_root, subsets=('v1s', 'v2'))) == 2
    make.csv(avss_root / 'metadata.csv', ('uid', 'split', 'label'), [('x', 'train', 'v3')])
    with pytest.raises(ValueError, match=r'metadata\.csv: clip x has the label "v3"'):
        avss(avss_root)
    make.csv(avss_root / 'metadata.csv', ('uid', 'split', 'label'), [('a_0_5000', 'train', 'v1s')])
    assert 'heard_objects' not in avss(avss_root)[0]  # a_obj is optional
    with pytest.raises(ValueError, match='no column "a_obj".* needs. Choose one of .*frame_pixels'):
        avss(avss_root, partition='ss')
    assert avss(avss_root, partition='ms', partition_rule='clip_classes')[0]['partition'] == 'ms'
    (avss_root / 'label2idx.json').unlink()
    with pytest.raises(FileNotFoundError, match='no class file'):
        avss(avss_root)


def test_partition_by_names(avss_root):
    def of(partition, **kwargs):
        return ids(avss(avss_root, split='train', partition=partition, **kwargs))

    assert of('ms') == ['v1m/b_0_5000', 'v2/c_0_10000']  # background is a name
    assert of('ms', partition_rule='onscreen_objects') == ['v1m/b_0_5000']
    assert of('ss', partition_rule='onscreen_objects') == ['v1s/a_0_5000', 'v2/c_0_10000']
    dataset = avss(avss_root, split='train', partition='all')
    assert [info['partition'] for info in infos(dataset)] == ['ss', 'ms', 'ms']


def test_partition_by_labels(tmp_path, make):
    def labels(seed, number):
        """Clip 0 has one class, 1 two in turn, 2 two at once (small), 3 two at once (large)."""
        picture = np.zeros((20, 24), np.uint8)
        picture[:6, :20] = 1 + (seed == 1 and number == 3)
        if seed >= 2 and number == 2:
            picture[10:15, : (20 if seed == 2 else 21)] = 9  # 100 and 105 pixels
        return picture

    clips = [(str(seed), 'dog', 'test', 'v1s') for seed in range(4)]
    root = make.avss(tmp_path, clips, labels)
    expected = dict(frame_classes='23', frame_pixels='3', clip_classes='123')
    for rule, multiple in expected.items():
        for source in ('semantic', 'rgb'):
            dataset = avss(
                root, split='test', partition='ms', partition_rule=rule, label_source=source
            )
            assert ids(dataset) == [f'v1s/{seed}' for seed in multiple]


def test_stored_partition(avss_root):
    stored = {'v1s/f_0_5000': True, 'v2/g_0_10000': False}
    save_partition(avss_root / 'list.json', stored, 'objects', 'test')
    kwargs = dict(split='test', partition_file='list.json')
    assert ids(avss(avss_root, partition='ms', **kwargs)) == ['v1s/f_0_5000']
    assert ids(avss(avss_root, partition='ss', **kwargs)) == ['v2/g_0_10000']
    assert len(avss(avss_root, **kwargs)) == 2
    with pytest.raises(ValueError, match=r'list\.json lacks 3 of the 3 clips, e\.g\. v1s/a_0_5000'):
        avss(avss_root, partition='ss', split='train', partition_file='list.json')


@pytest.mark.parametrize(
    'content, message',
    [
        (None, 'no partition file'),
        ('{', 'no JSON file'),
        ('[]', 'has not the lists'),
        ('{"ss": ["a"], "ms": 3}', 'has not the lists'),
        ('{"ss": ["a", "b"], "ms": ["b"]}', 'has clip b in both'),
    ],
)
def test_broken_partition_file(avss_root, content, message):
    if content is not None:
        (avss_root / 'list.json').write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        avss(avss_root, partition='ss', split='test', partition_file='list.json')


def test_stray_colour_is_background_with_a_warning(avss_root, pipeline, make):
    path = avss_root / 'v2/g_0_10000/labels_rgb/3.png'
    make.picture(path, np.full((20, 24, 3), 17, np.uint8))
    dataset = avss(avss_root, split='test', subsets='v2', label_source='rgb', pipeline=pipeline)
    with pytest.warns(UserWarning, match=r'labels_rgb/3\.png has a pixel of colour \(17, 17, 17\)'):
        sample = dataset[0]['data_samples']
    assert not sample.gt_sem_seg.data[3].any() and sample.gt_sem_seg.data[2].any()


def test_published_counts():
    assert AVSBenchSemanticDataset.PUBLISHED_COUNTS == {'train': 8498, 'val': 1304, 'test': 1554}

# Copyright (c) mmavs developers. All rights reserved.
"""Tiny data trees in the official layouts, each clip with a colour and a pitch of its own."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmavs.datasets.avss_classes import AVSS_CLASSES, voc_palette

SIZE = (24, 20)  # width, height


def write_picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_wave(path, seed, samples=80000, rate=16000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    waveform = np.random.default_rng(seed).uniform(-0.5, 0.5, (samples, channels))
    soundfile.write(path, waveform, rate, subtype='PCM_16')


def write_csv(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='') as file:
        csv.writer(file).writerows([header, *rows])


def frame_of(seed, number):
    """RGB frame: red is the clip, green the frame, blue the column."""
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    frame[...] = np.array([200 + seed, 10 * number, 0])
    frame[..., 2] = np.arange(SIZE[0])
    return frame


def mask_of(number):
    """0/255 mask: the first ``number`` columns, all rows."""
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[:, :number] = 255
    return mask


def build_s4(root, clips=None):
    """S4 tree; ``clips`` are (name, start, category, split)."""
    clips = clips or [
        ('-a_1', 0, 'dog', 'train'),
        ('_b', 2, 'dog', 'train'),
        ('c.d', 5, 'cat', 'train'),
        ('e', 1, 'race_car', 'train'),
        ('f', 0, 'dog', 'val'),
        ('g', 0, 'cat', 'val'),
        ('h', 0, 'cat', 'test'),
    ]
    root = Path(root)
    write_csv(root / 's4_meta_data.csv', ('name', 'start', 'category', 'split'), clips)
    for seed, (name, _, category, split) in enumerate(clips):
        clip = Path(split, category, name)
        for number in range(1, 6):
            file = f'{name}_{number}.png'
            write_picture(root / 's4_data/visual_frames' / clip / file, frame_of(seed, number))
            if split != 'train' or number == 1:
                write_picture(root / 's4_data/gt_masks' / clip / file, mask_of(number))
        write_wave(root / 's4_data/audio_wav' / split / category / f'{name}.wav', seed)
    return root


def build_ms3(root, ids=(('x', 'train'), ('y', 'train'), ('z', 'test'))):
    root = Path(root)
    write_csv(root / 'ms3_meta_data.csv', ('video_id', 'split'), ids)
    for seed, (clip, split) in enumerate(ids):
        for number in range(1, 6):
            write_picture(
                root / 'ms3_data/visual_frames' / clip / f'{clip}.mp4_{number}.png',
                frame_of(seed, number),
            )
            write_picture(
                root / 'ms3_data/gt_masks' / split / clip / f'{clip}_{number}.png', mask_of(number)
            )
        write_wave(root / 'ms3_data/audio_wav' / split / f'{clip}.wav', seed)
    return root


AVSS_CLIPS = (
    # uid, a_obj, split, label
    ('a_0_5000', 'dog', 'train', 'v1s'),
    ('b_0_5000', 'dog_cat', 'train', 'v1m'),
    ('c_0_10000', 'man_background', 'train', 'v2'),
    ('d_0_5000', 'cat', 'val', 'v1s'),
    ('e_0_10000', 'dog', 'val', 'v2'),
    ('f_0_5000', 'dog', 'test', 'v1s'),
    ('g_0_10000', 'dog_cat', 'test', 'v2'),
)


def labels_of(seed, number):
    """Class ids: class 1 + seed, and on two columns the class of the frame."""
    labels = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    labels[:8, :6] = 1 + seed
    labels[10:12, :2] = 10 + number
    return labels


def build_avss(root, clips=AVSS_CLIPS, labels=labels_of):
    """AVSS tree; ``labels`` gives the class ids of frame ``number`` of clip ``seed``."""
    root = Path(root)
    rows = [(uid[0], uid, 0, 0, names, split, label) for uid, names, split, label in clips]
    write_csv(
        root / 'metadata.csv', ('vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label'), rows
    )
    # Counted from 1, as in copies of the file: the position is what counts.
    table = {name: number for number, name in enumerate(AVSS_CLASSES, start=1)}
    (root / 'label2idx.json').write_text(json.dumps(table))
    palette = np.array(voc_palette(len(AVSS_CLASSES)), np.uint8)
    for seed, (uid, _, split, label) in enumerate(clips):
        clip = root / label / uid
        frames = 10 if label == 'v2' else 5
        for number in range(frames):
            write_picture(clip / 'frames' / f'{number}.jpg', frame_of(seed, number))
            if (label, split) != ('v1s', 'train') or number == 0:
                ids = labels(seed, number)
                write_picture(clip / 'labels_semantic' / f'{number}.png', ids)
                write_picture(clip / 'labels_rgb' / f'{number}.png', palette[ids])
        write_wave(clip / 'audio.wav', seed, samples=16000 * frames)
    return root


@pytest.fixture
def avss_root(tmp_path):
    return build_avss(tmp_path / 'AVSS')


@pytest.fixture
def s4_root(tmp_path):
    return build_s4(tmp_path / 'Single-source')


@pytest.fixture
def ms3_root(tmp_path):
    return build_ms3(tmp_path / 'Multi-sources')


@pytest.fixture
def pipeline():
    """The pipeline of the base configs, at 16x16."""
    return [
        dict(type='LoadClipFrames'),
        dict(type='LoadClipMasks'),
        dict(type='LoadClipAudio'),
        dict(
            type='ClipBroadcaster',
            transforms=[dict(type='Resize', scale=(16, 16), backend='pillow')],
        ),
        dict(type='PackAVSInputs'),
    ]


@pytest.fixture
def make():
    """The functions that write the trees, for tests that need another one."""

    class Make:
        s4, ms3 = staticmethod(build_s4), staticmethod(build_ms3)
        avss, labels = staticmethod(build_avss), staticmethod(labels_of)
        picture, wave = staticmethod(write_picture), staticmethod(write_wave)
        csv, frame, mask = staticmethod(write_csv), staticmethod(frame_of), staticmethod(mask_of)

    return Make

# Copyright (c) mmavs developers. All rights reserved.
"""Parts of the doctor on their own."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmavs.datasets.avss_classes import voc_palette
from mmavs.datasets.doctor.content import Needs, Picture, digest, read_picture, read_sound
from mmavs.datasets.doctor.duplicates import ClipDigests, find_duplicates
from mmavs.datasets.doctor.picture_checks import stray_values
from mmavs.datasets.vpo import LABEL_MAP

BINARY = Needs()
IDS = Needs(num_classes=71)
COLOURS = Needs(num_classes=71, label_source='rgb', num_colours=71)
VPO = Needs(num_classes=22, label_map=tuple(LABEL_MAP.tolist()))
BLOCK = np.kron(np.arange(6).reshape(2, 3), np.ones((4, 4))).astype(np.uint8)


def picture_of(tmp_path, image):
    path = str(tmp_path / 'mask.png')
    image.save(path)
    return read_picture(path, fast=False)


def paletted(values):
    image = Image.new('P', values.shape[::-1])
    image.putdata(values.ravel().tolist())
    image.putpalette([0, 0, 0, 200, 30, 40, 9, 9, 9])
    return image


@pytest.mark.parametrize(
    'image, stray',
    [
        (Image.fromarray(255 * (BLOCK > 2).astype(np.uint8)), ''),
        (Image.fromarray((BLOCK > 2).astype(np.uint8)), ''),
        (Image.fromarray(BLOCK > 2), ''),
        (Image.fromarray(np.stack([255 * (BLOCK > 2).astype(np.uint8)] * 3, -1)), ''),
        (paletted((BLOCK > 2).astype(np.uint8)), ''),
        (paletted((BLOCK % 3).astype(np.uint8)), '3 palette entries'),
        (Image.fromarray(BLOCK), 'value 1 on 16 pixels, 2 on 16 pixels, 3 on 16 pixels, 4 on 16'),
        (Image.fromarray(np.where(BLOCK > 2, 255, 1).astype(np.uint8)), 'value 1 on 48 pixels'),
        (Image.fromarray(BLOCK.astype(np.uint16)), 'values of uint16'),
        (Image.fromarray(np.stack([BLOCK, BLOCK, 0 * BLOCK], -1)), 'colours (mode RGB)'),
    ],
)
def test_black_and_white_masks(tmp_path, image, stray):
    _, found = stray_values(picture_of(tmp_path, image), BINARY)
    assert found.startswith(stray) and bool(found) == bool(stray)


@pytest.mark.parametrize(
    'values, needs, stray',
    [
        ([0, 70, 255], IDS, ''),
        ([0, 71, 254, 254], IDS, 'id 254 on 2 pixels, 71 on 1 pixels'),
        ([0, 5, 94, 255], VPO, ''),
        ([0, 1, 2, 95], VPO, 'id 1 on 1 pixels, 2 on 1 pixels, 95 on 1 pixels'),
        (list(range(100, 110)), IDS, 'id 100 on 1 pixels, 101 on 1 pixels, 102 on 1 pixels, '),
    ],
)
def test_masks_of_ids(values, needs, stray):
    pixels = np.array([values], np.uint8)
    _, found = stray_values(Picture('x', mode='L', pixels=pixels), needs)
    assert found.startswith(stray) and bool(found) == bool(stray)
    assert found.endswith('and 5 more') == (len(values) == 10)


def test_masks_of_colours():
    palette = np.array(voc_palette(72), np.uint8)
    pixels = palette[:71][None]
    assert stray_values(Picture('x', mode='RGB', pixels=pixels), COLOURS)[1] == ''
    pixels = np.concatenate([pixels, palette[None, 71:], palette[None, 71:]], 1)
    found = stray_values(Picture('x', mode='RGB', pixels=pixels), COLOURS)[1]
    assert found == f'colour {tuple(palette[71].tolist())} on 2 pixels'
    grey = Picture('x', mode='L', pixels=pixels[..., 0])
    assert stray_values(grey, COLOURS)[1] == 'mode L, uint8'
    assert stray_values(Picture('x', mode='RGB', pixels=pixels), IDS)[1] == 'mode RGB, uint8'


def test_digests():
    noise = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    assert digest(noise) == digest(noise.copy()) != digest(noise[:, ::-1])
    assert digest(noise) != digest(noise.reshape(6, 4, 3)) and len(digest(noise)) == 16
    assert digest(noise.astype(np.int16)) != digest(noise)
    assert digest(None) is None and digest(np.zeros((0, 2))) is None
    assert digest(np.full((4, 4, 3), (1, 2, 3), np.uint8)) is None  # one colour
    assert digest(np.zeros((100, 1), np.float32)) is None


def clip(name, split, frames, sound=None):
    digests = {f'{name}_{i}.png': bytes([frame]) for i, frame in enumerate(frames)}
    return ClipDigests(name, split, digests, sound and (f'{name}.wav', bytes([sound])))


def duplicates(*clips):
    return [(f.check, f.severity, f.clip, f.split, f.file) for f in find_duplicates(clips)]


def test_clips_of_their_own():
    assert duplicates(clip('a', 'train', (1, 2, 2), 1), clip('b', 'test', (3, 4, 3), 2)) == []
    assert duplicates(clip('a', 'train', ()), clip('b', 'test', ())) == []


@pytest.mark.parametrize(
    'split, expected',
    [
        ('test', ('duplicate_across_splits', 'error')),
        ('train', ('duplicate_within_split', 'warning')),
    ],
)
def test_duplicates(split, expected):
    first, frames = clip('a', 'train', (1, 2, 3), 1), clip('b', split, (1, 2, 3), 2)
    assert duplicates(first, frames) == [(*expected, 'b', split, 'b_0.png')]
    sound = clip('c', split, (4, 5, 6), 1)
    assert duplicates(first, sound) == [(*expected, 'c', split, 'c.wav')]
    both = clip('d', split, (1, 2, 3), 1)
    (finding,) = find_duplicates([first, both])
    assert finding.found == 'all frames and the sound of train clip a (a_0.png)'
    part = clip('e', split, (7, 2, 8), 3)
    severity = 'warning' if split == 'test' else 'info'
    assert duplicates(first, part) == [('shared_frames', severity, 'e', split, 'e_1.png')]
    # A clip of one frame that is among those of another is that one.
    assert duplicates(first, clip('f', split, (2,))) == [(*expected, 'f', split, 'f_0.png')]


def test_one_file_of_two_clips():
    """Two instances of one picture are two samples of VPO-SS; but in one split only."""
    first = ClipDigests('a', 'train', {'p.jpg': b'1'}, None)
    assert duplicates(first, ClipDigests('b', 'train', {'p.jpg': b'1'}, None)) == []
    across = duplicates(first, ClipDigests('b', 'test', {'p.jpg': b'1'}, None))
    assert across == [('duplicate_across_splits', 'error', 'b', 'test', 'p.jpg')]


def test_each_of_many_is_named_once():
    clips = [clip(name, 'train', (1, 2)) for name in 'abcd']
    assert [entry[2] for entry in duplicates(*clips)] == ['b', 'c', 'd']


def test_a_wav_of_unknown_length(tmp_path):
    """ffmpeg writes 0xFFFFFFFF where it cannot go back."""
    path = tmp_path / 'x.wav'
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 800), 16000)
    content = path.read_bytes()
    assert read_sound(str(path), False).fine
    path.write_bytes(content[:4] + b'\xff' * 4 + content[8:])
    sound = read_sound(str(path), False)
    assert sound.fine and sound.samples == 800
    path.write_bytes(content[:-200])
    assert read_sound(str(path), False).error.startswith('it is cut off: 1444 bytes')
    assert read_sound(str(path), True).error == read_sound(str(path), False).error
    soundfile.write(path, np.zeros((0, 1)), 16000)
    assert read_sound(str(path), False).error == 'it holds no samples'

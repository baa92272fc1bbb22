# Copyright (c) mmavs developers. All rights reserved.
"""Faults to plant in the trees of ``synth_trees``, for the tests of the doctor.

A fault changes a tree and returns the check that must find it and the file that it must name.
"""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from synth_trees import CONFIGS, cut, edit_csv, frame_of, mask_of, one, repaint, resound, sound_of

FAULTS = {name: {} for name in CONFIGS}


def fault(*trees):
    def enter(function):
        for tree in trees:
            FAULTS[tree][function.__name__] = function
        return function

    return enter


@fault('s4')
def frame_missing(root):
    path = frame_of(root, 'train', 0, frame=3)
    path.unlink()
    return 'missing_frames', path


@fault('s4')
def mask_missing(root):
    path = mask_of(root, 'val', 0, frame=2)
    path.unlink()
    return 'missing_masks', path


@fault('s4')
def sound_missing(root):
    path = sound_of(root, 'val', 0)
    path.unlink()
    return 'missing_audio', path


@fault('s4')
def frame_cut_off(root):
    return 'unreadable_picture', cut(frame_of(root, 'train', 1, frame=2))


@fault('s4')
def mask_is_a_web_page(root):
    path = mask_of(root, 'val', 1, frame=4)
    path.write_text('<html>404 Not Found</html>')
    return 'unreadable_picture', path


@fault('s4')
def sound_cut_off(root):
    return 'unreadable_audio', cut(sound_of(root, 'train', 1))


@fault('s4')
def sound_is_no_sound(root):
    path = sound_of(root, 'test', 0)
    path.write_bytes(b'')
    return 'unreadable_audio', path


@fault('s4')
def frame_of_another_size(root):
    return 'frame_size', repaint(frame_of(root, 'train', 2, frame=5), lambda pixels: pixels[:-2])


@fault('s4')
def mask_of_another_size(root):
    return 'mask_size', repaint(mask_of(root, 'test', 1), lambda mask: mask[:, :-4])


@fault('s4')
def mask_with_grey_border(root):
    def blend(mask):
        mask[0, :3] = (17, 128, 254)
        return mask

    return 'mask_values', repaint(mask_of(root, 'val', 2, frame=5), blend)


@fault('s4')
def mask_in_colours(root):
    path = mask_of(root, 'train', 2)
    return 'mask_values', repaint(path, lambda m: np.stack([m, 0 * m, 0 * m], -1))


@fault('s4')
def sound_too_short(root):
    """Less than the loader can lengthen."""
    return 'audio_short', resound(sound_of(root, 'train', 2), lambda sound: sound[:8000])


@fault('s4')
def sound_shorter_than_the_frames(root):
    return 'audio_short', resound(sound_of(root, 'val', 1), lambda sound: sound[:64000])


@fault('s4')
def sound_too_long(root):
    return 'audio_long', resound(sound_of(root, 'val', 2), lambda sound: np.tile(sound, 2))


@fault('s4')
def sound_silent(root):
    return 'audio_silent', resound(sound_of(root, 'test', 1), lambda sound: 0 * sound)


@fault('s4')
def sound_clipped(root):
    return 'audio_clipped', resound(sound_of(root, 'train', 0), lambda sound: 100 * sound)


@fault('s4')
def sound_with_nan(root):
    def spoil(sound):
        sound[100] = np.nan
        return sound

    return 'audio_not_finite', resound(sound_of(root, 'test', 2), spoil, subtype='FLOAT')


@fault('s4')
def test_clip_trained_on(root):
    """The frames of a training clip are those of a test clip, in files written anew."""
    for number in range(1, 6):
        picture = Image.open(frame_of(root, 'train', 3, number))
        picture.save(frame_of(root, 'test', 3, number), compress_level=9)
    return 'duplicate_across_splits', frame_of(root, 'test', 3)


@fault('s4')
def sound_of_a_training_clip(root):
    target = sound_of(root, 'val', 3)
    shutil.copy(sound_of(root, 'train', 4), target)
    return 'duplicate_across_splits', target


@fault('s4')
def sound_twice_in_a_split(root):
    target = sound_of(root, 'train', 6)
    shutil.copy(sound_of(root, 'train', 5), target)
    return 'duplicate_within_split', target


@fault('s4')
def one_frame_of_a_training_clip(root):
    path = frame_of(root, 'val', 4, frame=4)
    shutil.copy(frame_of(root, 'train', 7), path)
    return 'shared_frames', path


@fault('s4')
def sixth_frame(root):
    last = frame_of(root, 'train', 8, frame=5)
    path = last.with_name(last.name.replace('_5.png', '_6.png'))
    shutil.copy(last, path)
    return 'extra_files', path


@fault('s4')
def sound_without_row(root):
    path = sound_of(root, 'test', 4).with_name('nobody.wav')
    shutil.copy(sound_of(root, 'test', 4), path)
    return 'unlisted_files', path


@fault('s4')
def clip_without_row(root):
    path = frame_of(root, 'train', 0).parents[1] / 'nobody'
    path.mkdir()
    return 'unlisted_clips', path


@fault('s4')
def category_without_row(root):
    path = Path(root, 's4_data/visual_frames/train/nothing')
    path.mkdir()
    return 'unlisted_clips', path


@fault('s4')
def row_twice(root):
    return 'duplicate_id', edit_csv(root / 's4_meta_data.csv', lambda rows: [*rows, rows[1]])


@fault('s4', 'ms3')
def row_lost(root):
    return 'clip_count', edit_csv(one(root, '*_meta_data.csv'), lambda rows: rows[:-1])


@fault('s4')
def row_of_unknown_split(root):
    def misspell(rows):
        return [*rows, [*rows[-1][:-1], 'tset']]

    return 'data_list', edit_csv(root / 's4_meta_data.csv', misspell)


@fault('ms3')
def clip_in_two_splits(root):
    """The same id; MS3 has its frames only once."""

    def move(rows):
        return [*rows, [rows[1][0], 'test']]

    return 'duplicate_id', edit_csv(root / 'ms3_meta_data.csv', move)


@fault('ms3')
def no_csv(root):
    path = root / 'ms3_meta_data.csv'
    path.unlink()
    return 'data_list', path


@fault('avss')
def class_id_out_of_range(root):
    path = one(root, 'v2/*train*/labels_semantic/7.png')

    def raise_id(labels):
        labels[3, 4:9] = 71
        return labels

    return 'mask_values', repaint(path, raise_id)


@fault('avss')
def labels_in_colours(root):
    path = one(root, 'v1m/*test*/labels_semantic/2.png')
    shutil.copy(one(root, 'v1m/*test*/labels_rgb/2.png'), path)
    return 'mask_values', path


@fault('avss')
def half_of_the_frames_missing(root):
    folder = one(root, 'v2/*train*/frames')
    for number in range(5, 10):
        (folder / f'{number}.jpg').unlink()
    return 'missing_frames', folder / '5.jpg'


@fault('avss')
def jpeg_cut_off(root):
    return 'unreadable_picture', cut(one(root, 'v1s/*val*/frames/3.jpg'), 0.7)


@fault('avss')
def clip_without_row_in_v1m(root):
    path = root / 'v1m' / 'nobody_0_5000'
    shutil.copytree(one(root, 'v1m/*train*'), path)
    return 'unlisted_clips', path


def edit_classes(root, change):
    path = root / 'label2idx.json'
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    return path


@fault('avss')
def class_missing(root):
    return 'class_list', edit_classes(root, lambda t: {k: v for k, v in t.items() if k != 'wolf'})


@fault('avss')
def classes_sorted_otherwise(root):
    def swap(table):
        names = list(table)
        names[3], names[4] = names[4], names[3]
        return {name: number for number, name in enumerate(names)}

    return 'class_list', edit_classes(root, swap)


@fault('avss')
def class_numbers_with_a_gap(root):
    return 'class_list', edit_classes(root, lambda table: {**table, 'woman': 99})


def paint_bicycle(mask):
    mask[:2] = 2
    return mask


@fault('vpo_ss')
def coco_id_of_no_class(root):
    return 'mask_values', repaint(one(root, 'VPO/VPO-SS/mask/*/*.png'), paint_bicycle)


@fault('vpo_msmi')
def coco_id_of_no_class_in_ms(root):
    """A picture that MSMI takes from MS."""
    return 'mask_values', repaint(one(root, 'VPO/VPO-MS/mask/*.png'), paint_bicycle)


@fault('vpo_ms')
def picture_missing(root):
    path = one(root, 'VPO/VPO-MS/data/*.jpg')
    path.unlink()
    return 'missing_frames', path


@fault('vpo_ms')
def mask_of_another_release(root):
    path = one(root, 'VPO/VPO-MS/mask/*.png', 1)
    return 'mask_size', repaint(path, lambda mask: mask[::2, ::2])


@fault('vpo_ms')
def recording_missing(root):
    path = one(root, 'vggsound_bench/VGGSound/audios/ms_train_00000_*.wav')
    path.unlink()
    return 'missing_audio', path


@fault('vpo_ss')
def recording_of_two_seconds(root):
    path = one(root, 'vggsound_bench/VGGSound/audios/ss_train_00001_*.wav')
    return 'audio_short', resound(path, lambda sound: sound[:32000])


@fault('vpo_ss')
def recording_cut_off(root):
    return 'unreadable_audio', cut(one(root, 'vggsound_bench/VGGSound/audios/ss_test_*.wav'))


@fault('vpo_ms')
def test_picture_trained_on(root):
    first, *_, last = sorted(Path(root, 'VPO/VPO-MS/data').glob('*.jpg'))
    shutil.copy(first, last)
    return 'duplicate_across_splits', last


@fault('vpo_ms')
def picture_without_row(root):
    path = root / 'VPO/VPO-MS/data/999999999999.jpg'
    shutil.copy(one(root, 'VPO/VPO-MS/data/*.jpg'), path)
    return 'unlisted_files', path


@fault('vpo_msmi')
def picture_in_two_splits(root):
    def move(rows):
        return [*rows, [*rows[1][:5], 'val', *rows[1][6:]]]

    return 'duplicate_id', edit_csv(root / 'VPO/VPO-MSMI/vpo_msmi_data_stereo.csv', move)

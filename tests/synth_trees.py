# Copyright (c) mmavs developers. All rights reserved.
"""Small clean trees of all benchmarks, and how to spoil their files."""

import csv
from pathlib import Path

import numpy as np
import soundfile
from mmengine.config import Config
from PIL import Image

from mmavs.testing import SynthAVS

CONFIGS = {
    's4': 'avsbench_s4_224x224',
    'ms3': 'avsbench_ms3_224x224',
    'avss': 'avss_224x224',
    'vpo_ss': 'vpo_ss_512x512',
    'vpo_ms': 'vpo_ms_512x512',
    'vpo_msmi': 'vpo_msmi_512x512',
}


def write_tree(name, root):
    """A clean tree; those of VPO are one and the same."""
    synth = SynthAVS(image_size=32)
    if name.startswith('vpo'):
        counts = {'ss': 2, 'ms': 2, 'msmi': 2}
        synth.write_vpo(root, {'train': counts, 'test': counts})
    elif name == 'avss':
        few = {'v1s': 1, 'v1m': 1, 'v2': 0}
        synth.write_avss(root, {'train': {**few, 'v2': 1}, 'val': few, 'test': few})
    else:
        small = {'train': 3, 'val': 2, 'test': 2}
        counts = {'train': 9, 'val': 5, 'test': 5} if name == 's4' else small
        write = synth.write_s4 if name == 's4' else synth.write_ms3
        write(root, counts)
    return root


def config_of(name, tree, checkout):
    """The base config of a tree."""
    cfg = Config.fromfile(checkout / f'configs/_base_/datasets/{CONFIGS[name]}.py')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.data_root = str(tree)
    return cfg


def one(root, pattern, position=0):
    """A file of a tree."""
    found = sorted(Path(root).glob(pattern))
    assert found, f'{root} has no {pattern}'
    return found[position]


def frame_of(root, split, number, frame=1):
    """A frame of an S4 clip."""
    name = f's4_{split}_{number:05d}'
    return one(root, f's4_data/visual_frames/{split}/*/{name}').joinpath(f'{name}_{frame}.png')


def mask_of(root, split, number, frame=1):
    return one(root, f's4_data/gt_masks/{split}/*/s4_{split}_{number:05d}/*_{frame}.png')


def sound_of(root, split, number):
    return one(root, f's4_data/audio_wav/{split}/*/s4_{split}_{number:05d}.wav')


def edit_csv(path, change):
    with open(path, newline='') as file:
        rows = list(csv.reader(file))
    rows = change(rows)
    with open(path, 'w', newline='') as file:
        csv.writer(file).writerows(rows)
    return path


def cut(path, share=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def repaint(path, change):
    pixels = np.array(Image.open(path))
    Image.fromarray(change(pixels)).save(path)
    return path


def resound(path, change, **options):
    waveform, rate = soundfile.read(path, dtype='float32')
    soundfile.write(path, change(waveform), rate, **options)
    return path

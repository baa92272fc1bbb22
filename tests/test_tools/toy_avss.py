# Copyright (c) mmavs developers. All rights reserved.
"""A small AVSS tree for the tests of the tools."""

import csv
import json

import numpy as np
from PIL import Image

from mmavs.datasets.avss_classes import AVSS_CLASSES, voc_palette

HEADER = ('vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label')


def write_picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='') as file:
        csv.writer(file).writerows(rows)


def write_avss(root, clips, labels_of):
    """``clips`` are (vid, uid, a_obj, split, label); ``labels_of(uid, number)`` gives the ids."""
    rows = [(vid, uid, 0, 0, names, split, label) for vid, uid, names, split, label in clips]
    write_rows(root / 'metadata.csv', [HEADER, *rows])
    (root / 'label2idx.json').write_text(json.dumps(dict.fromkeys(AVSS_CLASSES, 0)))
    palette = np.array(voc_palette(71), np.uint8)
    for seed, (_, uid, _, split, label) in enumerate(clips):
        for number in range(10 if label == 'v2' else 5):
            clip, ids = root / label / uid, labels_of(uid, number)
            noise = np.random.default_rng([seed, number]).integers(0, 256, (*ids.shape, 3))
            write_picture(clip / f'frames/{number}.jpg', noise.astype(np.uint8))
            if (label, split) != ('v1s', 'train') or number == 0:
                write_picture(clip / f'labels_semantic/{number}.png', ids)
                write_picture(clip / f'labels_rgb/{number}.png', palette[ids])

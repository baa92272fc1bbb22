# Copyright (c) mmavs developers. All rights reserved.
import json
import re

import numpy as np
import pytest

from mmavs.datasets.avss_classes import (
    AVSS_CLASSES,
    colours_to_labels,
    read_class_names,
    voc_palette,
)
from mmavs.testing.goldens import load_golden


def test_palette_is_the_official_one():
    palette = load_golden('loader_avsbench')[0]['palette']
    assert voc_palette(71) == palette.tolist()


def test_classes():
    assert len(AVSS_CLASSES) == len(set(AVSS_CLASSES)) == 71
    places = {0: 'background', 1: 'accordion', 22: 'emergency-car', 35: 'helicopter', 70: 'woman'}
    assert {place: AVSS_CLASSES[place] for place in places} == places
    assert list(AVSS_CLASSES[1:]) == sorted(AVSS_CLASSES[1:])


def test_colours_against_a_search_of_each_pixel():
    rng = np.random.default_rng(0)
    palette = voc_palette(71)
    picture = np.array(palette, np.uint8)[rng.integers(0, 71, (9, 8))]
    picture[2, 3] = 1, 2, 3
    picture[4, 5] = 255, 255, 255
    expected = np.zeros((9, 8), int)
    for row in range(9):
        for column in range(8):
            colour = picture[row, column].tolist()
            expected[row, column] = palette.index(colour) if colour in palette else 0
    labels, stray = colours_to_labels(picture, 71)
    assert labels.dtype == np.uint8 and np.array_equal(labels, expected)
    assert stray == [1, 2, 3]
    assert colours_to_labels(picture[:2], 71)[1] is None


def test_colours_beyond_the_classes_are_none_of_them():
    picture = np.array(voc_palette(3), np.uint8)[None]
    labels, stray = colours_to_labels(picture, 2)
    assert labels.tolist() == [[0, 1, 0]] and stray == [0, 128, 0]


@pytest.mark.parametrize('first', [0, 1, 40])
def test_names_go_by_position(tmp_path, first):
    path = tmp_path / 'label2idx.json'
    names = ('background', 'b', 'a')
    path.write_text(json.dumps({name: first + i for i, name in enumerate(names)}))
    assert read_class_names(path, 3) == names


@pytest.mark.parametrize(
    'content, message',
    [
        (None, 'no class file'),
        ('{', 'no JSON file'),
        (
            '{"background": 0, "a": 1}',
            'has 2 names, expected an object of 3 names. Set num_classes',
        ),
        ('[1, 2, 3]', 'has a list, expected an object of 3 names'),
        ('{"a": 0, "background": 1, "c": 2}', 'first name in'),
    ],
)
def test_class_files_that_do_not_fit(tmp_path, content, message):
    path = tmp_path / 'label2idx.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(message)) as error:
        read_class_names(path, 3)
    assert str(path) in str(error.value)

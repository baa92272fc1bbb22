# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest

from mmavs.visualization.drawing import (
    colour_levels,
    draw_text,
    log_mel_levels,
    overlay_labels,
    resize_labels,
    spectrogram,
)

PALETTE = [[0, 0, 0], [200, 0, 0], [0, 0, 100]]


def test_overlay_blends_classes_only():
    image = np.full((8, 9, 3), 100, np.uint8)
    labels = np.zeros((8, 9), np.int64)
    labels[2:4], labels[5], labels[7] = 1, 2, 255
    painted = overlay_labels(image, labels, PALETTE, 0.25, outline=False)
    assert (painted[2:4] == [125, 75, 75]).all()
    assert (painted[5] == [75, 75, 100]).all()
    assert (painted[[0, 1, 4, 6, 7]] == 100).all()  # background and unlabelled
    assert (image == 100).all()


def test_outline():
    """Class colour inside the border, white outside, neither at the edge of the picture."""
    labels = np.zeros((40, 40), np.int64)
    labels[10:30, :30] = 1
    painted = overlay_labels(np.zeros((40, 40, 3), np.uint8), labels, PALETTE, 0.0)
    assert (painted[10, :30] == [200, 0, 0]).all() and (painted[10:30, 29] == [200, 0, 0]).all()
    assert (painted[9, :31] == 178).all() and (painted[9:31, 30] == 178).all()
    assert (painted[11:29, :29] == 0).all()
    assert (painted[:9] == 0).all() and (painted[:, 31:] == 0).all()


def test_labels_are_not_mixed_by_resizing():
    labels = np.array([[0, 70], [255, 3]])
    np.testing.assert_array_equal(resize_labels(labels, (4, 4)), labels.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize('frequency', [1000, 4000])
def test_spectrogram_is_brightest_at_the_tone(frequency):
    t = np.arange(32000) / 16000
    wave = 0.3 * np.sin(2 * np.pi * frequency * t)[None]
    wave[:, :16000] = 0  # silent in the first second
    levels = spectrogram(wave, 16000)
    assert levels.shape[1] == pytest.approx(200, abs=2)
    row = levels[:, 150].argmax()  # the first row is 8 kHz, the last 0 Hz
    assert (1 - row / (len(levels) - 1)) * 8000 == pytest.approx(frequency, abs=30)
    assert levels[:, 150].max() > 0.95 and levels[:, :90].max() < 0.05


def test_silence_is_dark():
    assert spectrogram(np.zeros((2, 16000)), 16000).max() == 0


def test_log_mel_stands_upright():
    log_mel = np.full((2, 1, 96, 64), np.log(0.01), np.float32)
    log_mel[1, 0, 30, 5] = 9  # time 30, a low band
    levels = log_mel_levels(log_mel)
    assert levels.shape == (2, 64, 96)
    assert levels[0].max() == 0
    assert np.argwhere(levels[1]).tolist() == [[58, 30]]


def test_colours_are_rgb():
    picture = colour_levels(np.array([[0.0, 1.0]]), (20, 4))
    assert picture.shape == (4, 20, 3)
    assert picture[0, 0].max() < 10
    red, green, blue = picture[0, -1].tolist()
    assert red > 240 and green > 240 and 150 < blue < 220  # magma ends in pale yellow


def test_text_shrinks_to_the_width():
    canvas = np.full((40, 200, 3), 255, np.uint8)
    draw_text(canvas, 'a text that is much too long for this', (10, 20), 24, 'lm', max_width=150)
    columns = np.flatnonzero((canvas < 255).any((0, 2)))
    assert columns.min() >= 9 and 100 < columns.max() <= 161

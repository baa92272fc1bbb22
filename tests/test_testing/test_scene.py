# Copyright (c) mmavs developers. All rights reserved.
"""What is drawn: sizes, overlap, motion, and masks that agree with the pictures."""

import numpy as np
import pytest

from mmavs.testing import SOUND_CLASSES
from mmavs.testing.backdrop import draw_backdrop
from mmavs.testing.scene import Scene, sample_motions
from mmavs.testing.sprites import SHAPES, Sprite, SpriteStyle

STYLES = [entry.style for entry in SOUND_CLASSES]


def polygon_area(points):
    x, y = points.T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


@pytest.mark.parametrize('style', STYLES, ids=lambda style: style.shape)
def test_mask_has_the_shape_s_area_and_place(style):
    outline, *holes = SHAPES[style.shape]
    assert np.hypot(*outline.T).max() == pytest.approx(1.0)
    canvas, owners = np.zeros((128, 160, 3), np.float32), np.full((128, 160), -1)
    Sprite(style, np.random.default_rng(0)).draw(canvas, owners, 2, (70.3, 60.7), 40.0, 0.4)
    area = (polygon_area(outline) - sum(polygon_area(hole) for hole in holes)) * 40.0**2
    assert (owners == 2).sum() == pytest.approx(area, rel=0.03)
    y, x = np.nonzero(owners == 2)
    assert np.hypot(x + 0.5 - 70.3, y + 0.5 - 60.7).max() < 41
    # Nothing is painted away from the mask but the soft rim.
    far = np.hypot(*(np.mgrid[:128, :160] - np.array([60.2, 69.8])[:, None, None])) > 42
    assert not canvas[far].any()
    assert (canvas[owners == 2].max(axis=-1) > 20).mean() > 0.98


def test_texture_is_more_than_a_colour():
    for style in STYLES:
        canvas, owners = np.zeros((96, 96, 3), np.float32), np.full((96, 96), -1)
        Sprite(style, np.random.default_rng(1)).draw(canvas, owners, 0, (48, 48), 44, 0.0)
        assert canvas[owners == 0].std(axis=0).max() > 20, style


def test_sprite_is_clipped_at_the_frame():
    style = SpriteStyle('hexagon', 'stripes', 0.5, (0.1, 0.5, 1.0))
    sprite = Sprite(style, np.random.default_rng(0))
    large, small = np.full((120, 120), -1), np.full((40, 40), -1)
    sprite.draw(np.zeros((120, 120, 3), np.float32), large, 0, (45, 43), 30, 0.1)
    sprite.draw(np.zeros((40, 40, 3), np.float32), small, 0, (5, 3), 30, 0.1)
    assert (small == large[40:80, 40:80]).mean() > 0.999
    outside = np.full((40, 40), -1)
    sprite.draw(np.zeros((40, 40, 3), np.float32), outside, 0, (200, 200), 30, 0.1)
    assert (outside == -1).all()


@pytest.mark.parametrize('count', [1, 3, 6])
def test_motions_stay_in_the_frame_and_apart(count):
    for seed in range(10):
        motions = sample_motions(np.random.default_rng(seed), count, (1.5, 1.0), 5.0)
        for time in np.arange(0, 5.01, 0.25):
            places = [motion.at(time) for motion in motions]
            for index, (centre, radius, _) in enumerate(places):
                assert (centre >= radius - 1e-9).all()
                assert (centre <= np.array([1.5, 1.0]) - radius + 1e-9).all()
                for other, _, _ in places[:index]:
                    assert np.linalg.norm(centre - other) > 0.5 * radius


def test_objects_move_and_stay_visible():
    moved, hidden = [], []
    for seed in range(20):
        scene = Scene(np.random.default_rng(seed), STYLES, 3, (96, 96), 5.0)
        assert len(set(scene.classes)) == 3
        for index in range(3):
            y, x = (np.nonzero(scene.render(t)[1] == index) for t in (0.9375, 4.9375))
            moved.append(np.hypot(*(np.mean(a) - np.mean(b) for a, b in zip(x, y))))
            alone = np.full((96, 96), -1)
            centre, radius, angle = scene.motions[index].at(0.9375)
            scene.sprites[index].draw(
                scene.backdrop.copy(), alone, index, tuple(96 * centre), 96 * radius, angle
            )
            hidden.append(1 - len(y[0]) / (alone == index).sum())
    assert np.median(moved) > 10
    assert max(hidden) < 0.35


def test_motion_is_periodic_so_long_videos_keep_their_distance():
    motion = sample_motions(np.random.default_rng(0), 3, (1, 1), 600.0)[0]
    for one, two in zip(motion.at(3.3), motion.at(43.3)):
        np.testing.assert_allclose(one, two)


def test_pan_follows_the_object():
    scene = Scene(np.random.default_rng(0), STYLES, 2, (64, 96), 5.0)
    times = np.array([0.0, 2.5])
    for index, motion in enumerate(scene.motions):
        x = np.array([motion.at(time)[0][0] for time in times]) * 64
        np.testing.assert_allclose(scene.pan(index, times), 2 * x / 96 - 1)


def test_backdrop_is_textured_and_its_own():
    first, second = (draw_backdrop(np.random.default_rng(seed), 64, 80) for seed in (0, 1))
    assert first.shape == (64, 80, 3)
    assert first.std() > 5
    assert np.abs(first - second).mean() > 5
    assert 0 <= first.min() <= first.max() <= 255

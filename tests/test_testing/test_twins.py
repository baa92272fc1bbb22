# Copyright (c) mmavs developers. All rights reserved.
"""Twins: never both heard, alike but for their pulse, and told apart by picture and sound."""

import itertools

import numpy as np
import pytest

from mmavs.testing import SOUND_CLASSES, Soundtrack, SynthAVS
from mmavs.testing.pulse import PulseCode, draw_levels
from mmavs.testing.scene import Scene, sample_motions
from mmavs.testing.sounding import MultiInstanceProcess, SoundingProcess
from mmavs.testing.timbres import make_voice

STYLES = [entry.style for entry in SOUND_CLASSES]


def table_of(states, probs):
    return {tuple(np.flatnonzero(state).tolist()): prob for state, prob in zip(states, probs)}


@pytest.mark.parametrize('twins', [[(0, 1)], [(0, 1), (2, 3)]])
def test_prior_is_the_one_without_twins_conditioned_by_brute_force(twins):
    """For each number of sounding objects: all sets, those with both twins struck out."""
    process = SoundingProcess((1, 2, 2), silent_prob=0.2)
    ours = table_of(*process.states(5, twins))
    expected = {(): 0.2}
    for size, share in ((1, 1 / 3), (2, 2 / 3)):
        sets = [
            members
            for members in itertools.combinations(range(5), size)
            if all(not (a in members and b in members) for a, b in twins)
        ]
        expected.update({members: 0.8 * share / len(sets) for members in sets})
    assert ours == pytest.approx(expected)
    assert sum(ours.values()) == pytest.approx(1)


def test_multi_instance_prior_by_hand():
    ours = table_of(*MultiInstanceProcess().states(4, [(0, 1)]))
    one, both = 1 / 4, 1 / 2
    assert ours == pytest.approx(
        {
            (0,): one / 2,
            (1,): one / 2,
            (0, 1): both / 2,
            **{(*pair, k): p / 4 for pair, p in (((0,), one), ((1,), one)) for k in (2, 3)},
            **{(0, 1, k): both / 4 for k in (2, 3)},
        }
    )
    assert table_of(*MultiInstanceProcess().states(2, [(0, 1)])) == pytest.approx(
        {(0,): 0.25, (1,): 0.25, (0, 1): 0.5}
    )


def test_samples_follow_the_prior():
    process, rng = SoundingProcess((1, 2), switch_prob=0.5), np.random.default_rng(0)
    drawn = np.concatenate([process.sample(rng, 3, 3, [(0, 1)]) for _ in range(3000)])
    assert not (drawn[:, 0] & drawn[:, 1]).any()
    for state, prob in zip(*process.states(3, [(0, 1)])):
        assert (drawn == state).all(1).mean() == pytest.approx(prob, abs=0.03)


def test_too_many_sounding_for_twins():
    with pytest.raises(ValueError, match='no 3 of 4 objects'):
        SoundingProcess((3,)).states(4, [(0, 1), (2, 3)])
    with pytest.raises(ValueError, match='twins never sound together'):
        SynthAVS(num_objects=2, twins=1).process('ms3')


@pytest.mark.parametrize(('count', 'pairs'), [(2, 1), (5, 2)])
def test_twins_share_their_class_and_size_but_not_their_shade(count, pairs):
    for seed in range(5):
        scene = Scene(
            np.random.default_rng(seed), STYLES, count, (32, 48), 5.0, num_twins=pairs, growth=1.2
        )
        assert len(scene.twins) == pairs
        assert len(set(scene.classes)) == count - pairs
        for one, other in scene.twins:
            assert scene.classes[one] == scene.classes[other]
            assert scene.motions[one].radius == scene.motions[other].radius
            assert not np.allclose(scene.sprites[one].colors, scene.sprites[other].colors)


def test_motions_leave_room_for_the_largest_size():
    for seed in range(10):
        motions = sample_motions(
            np.random.default_rng(seed), 4, (1.5, 1.0), 5.0, twins=[(0, 1)], growth=1.2
        )
        for time in np.arange(0, 5.01, 0.25):
            places = [motion.at(time) for motion in motions]
            for index, (centre, radius, _) in enumerate(places):
                assert (centre >= 1.2 * radius - 1e-9).all()
                assert (centre <= np.array([1.5, 1.0]) - 1.2 * radius + 1e-9).all()
                for number, (other, _, _) in enumerate(places[:index]):
                    mean_radii = motions[index].radius + motions[number].radius
                    assert np.linalg.norm(centre - other) >= 0.88 * 1.2 * mean_radii - 1e-9


def test_sideways_keeps_twins_beside_each_other():
    for seed in range(10):
        first, second, _ = sample_motions(
            np.random.default_rng(seed), 3, (1.5, 1.0), 1.0, twins=[(0, 1)], sideways=0.3
        )
        for time in (0.0, 0.5, 1.0):
            assert abs(first.at(time)[0][0] - second.at(time)[0][0]) >= 0.3 * 1.5


def test_levels_differ_as_often_as_stated_and_in_every_clip():
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_levels(rng, 3, [(0, 1)], 6, 5) for _ in range(4000)])
    differ = drawn[:, :5, 0] != drawn[:, :5, 1]
    assert differ.any(axis=1).all()
    assert differ.mean() == pytest.approx(0.75 + 0.25 / 5, abs=0.01)
    np.testing.assert_allclose(drawn.mean((0, 1)), 0.5, atol=0.02)
    assert (drawn[..., 0] != drawn[..., 2]).mean() == pytest.approx(0.5, abs=0.02)
    assert (drawn[:, 1:] != drawn[:, :-1]).mean() == pytest.approx(0.5, abs=0.02)
    single = np.stack([draw_levels(rng, 2, [(0, 1)], 1, 1) for _ in range(50)])
    assert (single[..., 0] != single[..., 1]).all()


def test_size_and_gain_follow_the_levels():
    code = PulseCode(np.array([[True, False], [False, False], [True, True]]), period=2.0)
    assert code.scales(0).tolist() == [1.2, 0.8]
    for position in range(3):
        middle = np.array([2.0 * position + 1])
        np.testing.assert_allclose(code.scales_at(float(middle[0])), code.scales(position))
        for index in range(2):
            expected = 1.0 if code.levels[position, index] else 10 ** (-14 / 20)
            assert code.gain(index, middle) == pytest.approx(expected)
    sizes = np.stack([code.scales_at(time) for time in np.arange(0, 6, 0.01)])
    assert np.abs(np.diff(sizes, axis=0)).max() < 0.03
    assert code.scales_at(100.0).tolist() == [1.2, 1.2]


def test_frames_show_the_levels():
    """Frame k that of position k, to the last one, which is taken when position k + 1 is heard."""
    synth = SynthAVS(image_size=64, twins=1)
    for index in range(3):
        clip = synth.clip('v2', 'test', index, seconds=10)
        for k in range(10):
            _, owners = clip.frame(k)
            levels = clip.pulse.levels[k]
            sizes = np.where(levels, 1.2, 0.8)
            np.testing.assert_array_equal(owners, clip.scene.render(k + 0.9375, sizes)[1])
            if levels[0] != levels[1]:
                areas = clip.areas(owners)
                assert areas[int(levels.argmax())] > areas[int(levels.argmin())]


def test_who_sounds_is_independent_of_the_levels():
    synth, same = SynthAVS(image_size=16, twins=1, num_objects=2), []
    for index in range(300):
        clip = synth.clip('s4', 'train', index)
        sounding = int(clip.timeline.states[0].argmax())
        levels = clip.pulse.levels
        same += levels[levels[:, 0] != levels[:, 1], sounding].tolist()
    assert np.mean(same) == pytest.approx(0.5, abs=0.05)


def loudness_db(wave):
    return 10 * np.log10(np.mean(np.square(wave)))


def typical_loudness(timbre):
    times = np.arange(16000) / 16000
    voices = [make_voice(timbre, np.random.default_rng(seed), 16000) for seed in range(20)]
    return np.mean([loudness_db(voice(times)) for voice in voices])


def test_every_frame_in_which_the_levels_differ_is_decidable():
    """An oracle that sees sizes and hears how loud a known class is; it hears one second only."""
    synth = SynthAVS(image_size=16, twins=1, num_objects=2)
    typical = {entry.name: typical_loudness(entry.timbre) for entry in SOUND_CLASSES[:8]}
    decided = 0
    for index in range(60):
        clip = synth.clip('s4', 'test', index)
        wave = Soundtrack(clip, 16000, 1).render(0, 80000)[0]
        for k in range(5):
            levels = clip.pulse.levels[k]
            if levels[0] == levels[1]:
                continue
            # Example k without the 15 ms that it shares with each neighbour.
            heard = loudness_db(wave[15360 * k + 240 : 15360 * (k + 1)])
            loud = heard > typical[clip.classes[0].name] - 7
            assert clip.timeline.states[k, int(levels.argmax() if loud else levels.argmin())]
            decided += 1
    assert decided == pytest.approx(60 * 5 * 0.8, rel=0.1)


def test_ceiling_of_twins_of_which_one_sounds(tmp_path):
    knobs = dict(image_size=32, twins=1, num_objects=2)
    meta = SynthAVS(**knobs).write_s4(tmp_path / 's4', {'test': 2})
    assert meta['splits']['test']['ceiling'] == pytest.approx(1 / 2, abs=1e-6)
    clips = (tmp_path / 's4' / 'synth_clips.json').read_text()
    assert '"twins"' in clips
    assert '"pulse"' in clips


@pytest.mark.parametrize(
    ('knobs', 'message'),
    [
        (dict(twins=2), r'twins=2 pairs must lie in 0..1'),
        (dict(twins=-1), 'twins=-1'),
        (dict(twins=1, num_objects=4, num_classes=2), 'num_objects=4'),
    ],
)
def test_bad_knobs(knobs, message):
    with pytest.raises(ValueError, match=message):
        SynthAVS(**knobs)

# Copyright (c) mmavs developers. All rights reserved.
"""Voices off screen: heard, not seen, and of no effect on masks and ceiling."""

import csv
import json

import numpy as np
import pytest

from mmavs.testing import Soundtrack, SynthAVS


def pair(subset, index, **knobs):
    """The same clip without and with a voice off screen."""
    return [
        SynthAVS(image_size=24, offscreen_prob=p, **knobs).clip(subset, 'test', index)
        for p in (0.0, 1.0)
    ]


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_only_the_sound_changes(subset):
    for index in range(4):
        without, with_voice = pair(subset, index)
        assert without.offscreen is None
        assert with_voice.offscreen.sound_class not in with_voice.classes
        for ours, theirs in zip(with_voice.frame(2), without.frame(2)):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(with_voice.timeline.states, without.timeline.states)
        for ours, theirs in zip(with_voice.prior, without.prior):
            np.testing.assert_array_equal(ours, theirs)
        waves = [Soundtrack(clip, 16000, 1).render(0, 80000)[0] for clip in (without, with_voice)]
        states = with_voice.offscreen.timeline.states[:5, 0]
        assert states.any()
        for k, sounds in enumerate(states):
            heard = slice(15360 * k + 240, 15360 * (k + 1))
            assert (np.abs(waves[1][heard] - waves[0][heard]).max() > 1e-3) == sounds


def test_it_sounds_throughout_where_nothing_switches_and_by_turns_else():
    throughout, shares = [], []
    for index in range(80):
        throughout.append(pair('s4', index)[1].offscreen.timeline.states.all())
        shares.append(pair('ms3', index)[1].offscreen.timeline.states[:5].mean())
    assert all(throughout)
    assert min(shares) > 0
    assert 0.6 < np.mean(shares) < 0.85


def test_probability():
    synth = SynthAVS(image_size=16, offscreen_prob=0.3)
    share = np.mean([synth.clip('s4', 'train', k).offscreen is not None for k in range(300)])
    assert share == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 300))


def test_stereo_puts_it_at_the_side():
    without, with_voice = pair('s4', 1)
    left, right = (
        Soundtrack(with_voice, 16000, 2).render(0, 16000)
        - Soundtrack(without, 16000, 2).render(0, 16000)
    ).std(axis=1)
    louder, softer = (right, left) if with_voice.offscreen.side > 0 else (left, right)
    assert louder / softer == pytest.approx(3, rel=0.01)


def test_it_is_written_down(tmp_path):
    synth = SynthAVS(image_size=16, offscreen_prob=1.0)
    synth.write_ms3(tmp_path / 'ms3', {'test': 2})
    clips = json.loads((tmp_path / 'ms3' / 'synth_clips.json').read_text())
    with open(tmp_path / 'ms3' / 'objects.csv', newline='') as file:
        rows = {row['uid']: row for row in csv.DictReader(file)}
    for index, (name, entry) in enumerate(clips.items()):
        voice = synth.clip('ms3', 'test', index).offscreen
        assert entry['offscreen'] == {
            'class': voice.sound_class.name,
            'sounding': voice.timeline.states[:5, 0].astype(int).tolist(),
        }
        assert rows[name]['a_obj'].split('|')[-1] == voice.sound_class.name
        assert rows[name]['v_obj'].split('|') == entry['classes']


@pytest.mark.parametrize(
    ('knobs', 'message'),
    [
        (dict(offscreen_prob=1.2), r'must lie in \[0, 1\]'),
        (dict(offscreen_prob=0.1, num_objects=8), 'needs a class that is not visible'),
    ],
)
def test_bad_knobs(knobs, message):
    with pytest.raises(ValueError, match=message):
        SynthAVS(**knobs)

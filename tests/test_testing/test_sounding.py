# Copyright (c) mmavs developers. All rights reserved.
"""Who sounds: frequencies equal the stated prior, and the states sit where VGGish listens."""

import numpy as np
import pytest

from mmavs.testing import SoundingProcess, SoundingTimeline


@pytest.mark.parametrize(
    'process',
    [
        SoundingProcess(),
        SoundingProcess((1, 2), silent_prob=0.3, switch_prob=0.4),
        SoundingProcess((1, 1, 3), silent_prob=0.05, switch_prob=1.0),
    ],
)
def test_every_position_has_the_stated_distribution(process):
    states, probs = process.states(3)
    assert probs.sum() == pytest.approx(1.0)
    assert len(np.unique(states, axis=0)) == len(states)
    rng = np.random.default_rng(0)
    drawn = np.stack([process.sample(rng, 3, 4) for _ in range(6000)])
    for position in range(4):
        for state, prob in zip(states, probs):
            share = (drawn[:, position] == state).all(-1).mean()
            assert share == pytest.approx(prob, abs=4 * np.sqrt(0.25 / 6000))


def test_states_by_hand():
    states, probs = SoundingProcess((1, 1, 2), silent_prob=0.1).states(2)
    table = {tuple(state): prob for state, prob in zip(states.tolist(), probs)}
    assert table == pytest.approx(
        {(False, False): 0.1, (True, False): 0.3, (False, True): 0.3, (True, True): 0.3}
    )


def test_s4_never_switches_and_ms3_does():
    rng = np.random.default_rng(0)
    assert (np.ptp(SoundingProcess().sample(rng, 4, 50).astype(int), axis=0) == 0).all()
    changing = SoundingProcess((1,), switch_prob=0.5).sample(rng, 4, 4000)
    rate = (changing[1:] != changing[:-1]).any(1).mean()
    assert rate == pytest.approx(0.5 * 3 / 4, abs=0.03)


def test_state_k_rules_where_example_k_listens():
    states = np.array([[True, False], [False, True], [False, False], [True, True], [True, False]])
    timeline = SoundingTimeline(states)
    for k, state in enumerate(states):
        # All that example k hears, but for the 15 ms that it shares with a neighbour.
        heard = np.linspace(0.96 * k + (0.015 if k else 0), 0.96 * (k + 1), 200)
        for index in range(2):
            np.testing.assert_allclose(timeline.envelope(index, heard), float(state[index]))
        assert (timeline.state_at(0.96 * k + 0.48) == state).all()
    assert (timeline.state_at(60.0) == states[-1]).all()
    assert (timeline.state_at(0.0) == states[0]).all()
    fade = timeline.envelope(0, np.linspace(0.96, 0.975, 16))
    np.testing.assert_allclose(fade, np.linspace(1, 0, 16), atol=1e-12)


def test_segments_merge_equal_states_and_end_with_the_clip():
    timeline = SoundingTimeline(np.array([[True], [True], [False], [True]]), period=2.0)
    assert timeline.segments(7.0) == [(0.0, 4.0, [0]), (4.0, 6.0, []), (6.0, 7.0, [0])]
    assert SoundingTimeline(np.array([[True]]), period=9.0).segments(5.0) == [(0.0, 5.0, [0])]


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(num_sounding=()), 'num_sounding'),
        (dict(num_sounding=(0, 1)), 'silent_prob'),
        (dict(silent_prob=1.5), r'silent_prob=1.5 must lie in \[0, 1\]'),
        (dict(switch_prob=-0.1), 'switch_prob'),
    ],
)
def test_bad_knobs(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SoundingProcess(**kwargs)

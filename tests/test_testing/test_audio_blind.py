# Copyright (c) mmavs developers. All rights reserved.
"""The audio-blind ceiling against brute force over all binary masks."""

import itertools

import numpy as np
import pytest

from mmavs.testing import BlindScore, SoundingProcess, best_blind_union, expected_iou
from mmavs.testing.sounding import MultiInstanceProcess


def official_iou(mask, truth):
    """metrics_avsbench.md section 1, for one frame of 0/1 pixels."""
    if truth.sum() == 0:
        return (mask == 0).sum() / (mask.size + 1e-7)
    return (mask * truth).sum() / (np.maximum(mask, truth).sum() + 1e-7)


def all_masks(num_pixels):
    return ((np.arange(2**num_pixels)[:, None] >> np.arange(num_pixels)) & 1).astype(np.float64)


def brute_force(owners, states, probs):
    """The best of all 2 ** pixels masks, by the definition, every state and mask one by one."""
    masks = all_masks(owners.size)
    total = np.zeros(len(masks))
    for state, prob in zip(states, probs):
        truth = np.isin(owners, np.flatnonzero(state)).astype(np.float64)
        total += prob * np.array([official_iou(mask, truth) for mask in masks])
    return total.max()


def random_owners(rng, num_pixels, num_objects):
    """Every pixel's object, -1 for the background; objects may be hidden altogether."""
    return rng.integers(-1, num_objects, num_pixels)


PROCESSES = [
    SoundingProcess(),
    SoundingProcess((1, 2)),
    SoundingProcess((1, 1, 2), silent_prob=0.1, switch_prob=0.5),
    SoundingProcess((2, 3), silent_prob=0.4),
    SoundingProcess((3,), silent_prob=0.9),
]


@pytest.mark.parametrize('process', PROCESSES)
@pytest.mark.parametrize('num_pixels', [6, 10])
def test_best_union_equals_the_best_of_all_masks(process, num_pixels):
    rng = np.random.default_rng(num_pixels)
    states, probs = process.states(3)
    for _ in range(4):
        owners = random_owners(rng, num_pixels, 3)
        areas = np.bincount(owners + 1, minlength=4)[1:]
        score, union = best_blind_union(areas, states, probs, num_pixels)
        assert score == pytest.approx(brute_force(owners, states, probs), abs=1e-12)
        assert expected_iou(union, states, probs, areas, num_pixels) == pytest.approx(score)


def test_best_union_equals_the_best_of_all_masks_for_any_prior():
    """The proof needs no symmetry: any probabilities, four objects, 2 ** 12 masks."""
    rng = np.random.default_rng(0)
    states = np.array(list(itertools.product([False, True], repeat=4)))
    for _ in range(2):
        probs = rng.dirichlet(np.full(len(states), 0.3))
        owners = random_owners(rng, 12, 4)
        areas = np.bincount(owners + 1, minlength=5)[1:]
        score, _ = best_blind_union(areas, states, probs, 12)
        assert score == pytest.approx(brute_force(owners, states, probs), abs=1e-12)


@pytest.mark.parametrize(
    'process', [SoundingProcess((1, 2), silent_prob=0.1), MultiInstanceProcess()]
)
def test_best_union_equals_the_best_of_all_masks_with_twins(process):
    rng = np.random.default_rng(4)
    states, probs = process.states(4, [(0, 1)])
    for _ in range(3):
        owners = random_owners(rng, 10, 4)
        areas = np.bincount(owners + 1, minlength=5)[1:]
        score, _ = best_blind_union(areas, states, probs, 10)
        assert score == pytest.approx(brute_force(owners, states, probs), abs=1e-12)


@pytest.mark.parametrize('num_objects', [1, 2, 3, 5])
def test_one_of_k_gives_one_kth(num_objects):
    states, probs = SoundingProcess().states(num_objects)
    areas = np.arange(1, num_objects + 1) * 7
    for bits in range(1, 2**num_objects):
        union = (bits >> np.arange(num_objects)) & 1
        score = expected_iou(union.astype(bool), states, probs, areas, 1000)
        assert score == pytest.approx(1 / num_objects, abs=1e-7)
    assert best_blind_union(areas, states, probs, 1000)[0] == pytest.approx(1 / num_objects)


def test_two_equal_objects_one_or_two_sounding():
    """Closed form: predicting both gives 1/2 where one sounds, 1 where both do."""
    states, probs = SoundingProcess((1, 2)).states(2)
    score, union = best_blind_union([50, 50], states, probs, 1000)
    assert score == pytest.approx(0.75, abs=1e-7)
    assert union.all()


def test_often_silent_means_predict_nothing():
    states, probs = SoundingProcess(silent_prob=0.95).states(3)
    score, union = best_blind_union([300, 300, 300], states, probs, 1000)
    assert not union.any()
    assert score == pytest.approx(0.95, abs=1e-9)


def test_no_blind_predictor_beats_the_ceiling_in_simulation():
    """Blind predictors that try hard, on scenes and sounds drawn as the benchmark draws them."""
    rng = np.random.default_rng(1)
    process = SoundingProcess((1, 1, 2), silent_prob=0.1)
    states, probs = process.states(3)
    ceiling, scores = [], {'all': [], 'none': [], 'largest': [], 'random': [], 'soft': []}
    for _ in range(300):
        owners = random_owners(rng, 64, 3)
        areas = np.bincount(owners + 1, minlength=4)[1:]
        ceiling.append(best_blind_union(areas, states, probs, 64)[0])
        guesses = {
            'all': owners >= 0,
            'none': np.zeros(64, bool),
            'largest': owners == areas.argmax(),
            'random': np.isin(owners, np.flatnonzero(rng.random(3) < 0.5)),
            'soft': rng.random(64) < 0.5,
        }
        for state in process.sample(rng, 3, 20):
            truth = np.isin(owners, np.flatnonzero(state)).astype(float)
            for name, guess in guesses.items():
                scores[name].append(official_iou(guess.astype(float), truth))
    for name, values in scores.items():
        margin = 3 * np.std(values) / np.sqrt(len(values))
        assert np.mean(values) <= np.mean(ceiling) + margin, name


def test_blind_score_summary_and_realised_score():
    process = SoundingProcess((1, 2), silent_prob=0.2, switch_prob=1.0)
    rng, score = np.random.default_rng(3), BlindScore()
    for _ in range(800):
        areas = np.tile(rng.integers(5, 60, 3), (5, 1))
        score.add(areas, process.sample(rng, 3, 5), *process.states(3), num_pixels=400)
    summary = score.summary()
    assert (summary['clips'], summary['frames']) == (800, 4000)
    assert abs(summary['realised'] - summary['ceiling']) < 4 * summary['realised_std_error']
    assert 0 < summary['realised_std_error'] < 0.02


def test_extend_adds_up():
    parts = [BlindScore(), BlindScore()]
    whole, rng = BlindScore(), np.random.default_rng(0)
    for number in range(6):
        areas = rng.integers(5, 60, (2, 3))
        sounding = SoundingProcess().sample(rng, 3, 2)
        for score in (parts[number % 2], whole):
            score.add(areas, sounding, *SoundingProcess().states(3), num_pixels=400)
    assert BlindScore().summary_or_counts() == {'clips': 0, 'frames': 0}
    parts[0].extend(parts[1])
    assert parts[0].summary_or_counts() == pytest.approx(whole.summary())


def test_errors():
    states, probs = SoundingProcess().states(13)
    with pytest.raises(ValueError, match='12 at most'):
        best_blind_union(np.ones(13), states, probs, 100)
    with pytest.raises(ValueError, match='no frame'):
        BlindScore().summary()

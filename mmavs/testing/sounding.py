# Copyright (c) mmavs developers. All rights reserved.
"""Who sounds when: a random process over sets of objects that nothing visible depends on."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmavs.utils.timing import EXAMPLE_SPAN, EXAMPLE_STEP

__all__ = ['MultiInstanceProcess', 'SoundingProcess', 'SoundingTimeline', 'fade_between']

OVERLAP_SECONDS = round(EXAMPLE_SPAN - EXAMPLE_STEP, 6)
"""What two neighbouring examples both hear; a change of state fades over it."""


@dataclass(frozen=True)
class SoundingProcess:
    """A stationary Markov chain of sounding states.

    A state is a set of objects. With probability ``silent_prob`` nothing sounds; otherwise a number
    of objects is drawn from ``num_sounding``, each entry being equally likely, and then every set
    of that size is equally likely. The first state of a clip is drawn so; every next one is, with
    probability ``switch_prob``, drawn afresh (it may be the same again), and else kept. So at every
    position of a clip a state has the probability that :meth:`states` gives, and all objects are
    alike.

    Twins, two objects of one class, never sound together: only sets without both twins of a pair
    are drawn, those of one size being equally likely. (So the numbers of sounding objects, silence
    among them, keep their probabilities.)

    Args:
        num_sounding (tuple[int, ...]): Numbers of objects that sound, equally likely; one that
            occurs twice is twice as likely.
        silent_prob (float): Probability of a silent state. Defaults to 0.
        switch_prob (float): Probability that the state is drawn afresh. Defaults to 0.

    Raises:
        ValueError: If a number is below 1 or a probability outside [0, 1].
    """

    num_sounding: tuple[int, ...] = (1,)
    silent_prob: float = 0.0
    switch_prob: float = 0.0

    def __post_init__(self) -> None:
        if not self.num_sounding or min(self.num_sounding) < 1:
            raise ValueError(
                f'num_sounding={self.num_sounding} must hold numbers of at least 1; '
                'use silent_prob for states in which nothing sounds'
            )
        for name in ('silent_prob', 'switch_prob'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name}={getattr(self, name)} must lie in [0, 1]')

    def states(
        self, num_objects: int, twins: Sequence[tuple[int, int]] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Every possible state and its probability at any one frame.

        Args:
            num_objects (int): Visible objects, k.
            twins (Sequence[tuple[int, int]]): Pairs of objects that never sound together.

        Returns:
            tuple[np.ndarray, np.ndarray]: States (M, k) bool and probabilities (M,) float64 that
            sum to 1; states of probability 0 are left out.

        Raises:
            ValueError: If no set of a size that is asked for is without both twins of a pair.
        """
        states, probs = [], []
        for size in (0, *sorted(set(self.num_sounding))):
            prob = self.silent_prob if size == 0 else self._size_prob(size)
            members = [
                member
                for member in itertools.combinations(range(num_objects), size)
                if not any(set(pair) <= set(member) for pair in twins)
            ]
            if prob > 0 and not members:
                raise ValueError(
                    f'num_sounding={self.num_sounding}: no {size} of {num_objects} objects can '
                    f'sound together, as twins ({list(twins)}) never do'
                )
            for member in members if prob > 0 else ():
                states.append([index in member for index in range(num_objects)])
                probs.append(prob / len(members))
        return np.asarray(states, dtype=bool).reshape(-1, num_objects), np.asarray(probs)

    def _size_prob(self, size: int) -> float:
        share = self.num_sounding.count(size) / len(self.num_sounding)
        return (1 - self.silent_prob) * share

    def sample(
        self,
        rng: np.random.Generator,
        num_objects: int,
        length: int,
        twins: Sequence[tuple[int, int]] = (),
    ) -> np.ndarray:
        """Draw the states of one clip.

        Args:
            rng (np.random.Generator): Used for nothing else in the clip.
            num_objects (int): Visible objects, k.
            length (int): Number of positions, T.
            twins (Sequence[tuple[int, int]]): Pairs of objects that never sound together.

        Returns:
            np.ndarray: (T, k) bool.
        """
        states, probs = self.states(num_objects, twins)
        drawn = rng.choice(len(states), size=length, p=probs / probs.sum())
        fresh = rng.random(length) < self.switch_prob
        fresh[0] = True
        latest = np.maximum.accumulate(np.where(fresh, np.arange(length), 0))
        return states[drawn[latest]]


class MultiInstanceProcess(SoundingProcess):
    """Who sounds in VPO-MSMI: one twin or both, and perhaps one of the other objects.

    Both twins of the first pair sound with probability 1/2, and each of them alone with 1/4.
    Independently of that, where there are other objects, one of them sounds too with probability
    1/2, each being equally likely.
    """

    def states(
        self, num_objects: int, twins: Sequence[tuple[int, int]] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`SoundingProcess.states`; ``twins`` holds one pair at least."""
        one, other = twins[0]
        rest = [index for index in range(num_objects) if index not in twins[0]]
        partners = [((), 0.5 if rest else 1.0)] + [((index,), 0.5 / len(rest)) for index in rest]
        pairs = [((one,), 0.25), ((other,), 0.25), ((one, other), 0.5)]
        states, probs = [], []
        for (pair, pair_prob), (partner, prob) in itertools.product(pairs, partners):
            states.append([index in pair + partner for index in range(num_objects)])
            probs.append(pair_prob * prob)
        return np.asarray(states), np.asarray(probs)


def fade_between(values: np.ndarray, period: float, times: np.ndarray) -> np.ndarray:
    """A value a period, with the cross-fades of :class:`SoundingTimeline` in between.

    Args:
        values (np.ndarray): (T,) value of each period; the last one never ends.
        period (float): Seconds.
        times (np.ndarray): (S,) seconds.

    Returns:
        np.ndarray: (S,) float64.
    """
    if len(values) == 1:
        return np.full(len(times), float(values[0]))
    starts = np.arange(1, len(values)) * period
    knots = np.stack([starts, starts + OVERLAP_SECONDS], axis=1).reshape(-1)
    return np.interp(times, knots, np.repeat(np.asarray(values, dtype=np.float64), 2)[1:-1])


@dataclass(frozen=True)
class SoundingTimeline:
    """States laid out in time.

    The benchmark pairs frame k, taken near k + 0.94 s, with VGGish's example k, which hears
    0.96 k .. 0.96 k + 0.975 s. Their clocks drift apart by 0.04 s a frame, so a state that lasted
    for second k would leak into another frame's example. State k therefore sounds while example k
    listens: it gives way to state k + 1 between 0.96 (k + 1) and 0.96 (k + 1) + 0.015 s, the only
    stretch that both examples hear, by a linear cross-fade (and there the Hann window of the only
    spectrum that is in question, the last of example k, is on its way to zero). The first state
    starts at 0, the last one never ends. The frame's mask shows state k whatever the frame's own
    clock says. Clips that are watched in real time (MP4) use a longer ``period`` instead, and
    :meth:`state_at` gives the truth at any time.

    Args:
        states (np.ndarray): (T, k) bool.
        period (float): Seconds that a state lasts. Defaults to 0.96.
    """

    states: np.ndarray
    period: float = EXAMPLE_STEP

    def state_at(self, time: float) -> np.ndarray:
        """(k,) bool: which objects sound at a time in seconds (a fade counts by its middle)."""
        return self.states[self.position_at(time)]

    def position_at(self, time: float) -> int:
        """Number of the state that rules at a time in seconds."""
        index = int(np.floor((time - OVERLAP_SECONDS / 2) / self.period))
        return min(max(index, 0), len(self.states) - 1)

    def envelope(self, index: int, times: np.ndarray) -> np.ndarray:
        """(S,) float64 in [0, 1]: how open object ``index`` is at times in seconds."""
        return fade_between(self.states[:, index], self.period, times)

    def segments(self, seconds: float) -> list[tuple[float, float, Sequence[int]]]:
        """Start, end (seconds) and sounding objects of every stretch of one state."""
        merged: list[tuple[float, float, Sequence[int]]] = []
        for position, state in enumerate(self.states):
            start = position * self.period
            last = position == len(self.states) - 1
            end = seconds if last else min(seconds, start + self.period)
            sounding = np.flatnonzero(state).tolist()
            if merged and merged[-1][2] == sounding:
                start = merged.pop()[0]
            if start < seconds:
                merged.append((start, end, sounding))
        return merged

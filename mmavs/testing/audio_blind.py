# Copyright (c) mmavs developers. All rights reserved.
r"""The audio-blind ceiling: what the best predictor that does not hear can score.

The predictor sees every frame, knows which pixels each of the k visible objects owns
(:math:`V_1, \dots, V_k`, disjoint, because a pixel belongs to the object in front) and knows the
process that decides who sounds. It does not hear. Since that process is independent of everything
visible, but for the rule that twins, which are seen to be twins, never sound together
(:class:`SoundingProcess`), all it has for a frame is the prior :math:`\pi(S)` over sets of objects,
given which of them are twins; and the most it can do is to choose, frame by frame, the mask P that
maximises

.. math::
    E(P) = \sum_S \pi(S) \, J(P, \textstyle\bigcup_{i \in S} V_i)

with J the IoU of AVSBench: :math:`|P \cap G| / (|P \cup G| + 10^{-7})` for a mask G that is not
empty, and the share of pixels that P leaves out, :math:`(HW - |P|) / (HW + 10^{-7})`, for an empty
one (a silent frame, or a sounding object that is hidden). The mean over frames is a sum of such
terms, so choosing each frame by itself loses nothing.

**Only unions of visible objects need to be searched.** E depends on P through
:math:`a_i = |P \cap V_i| \in [0, |V_i|]` and the number b of background pixels alone:

.. math::
    E = \sum_{G_S \neq \emptyset} \pi(S)
        \frac{\sum_{i \in S} a_i}{|G_S| + \sum_{i \notin S} a_i + b + \epsilon}
      + \sum_{G_S = \emptyset} \pi(S) \frac{HW - \sum_i a_i - b}{HW + \epsilon}

* No term grows with b, so b = 0 is best.
* As a function of one :math:`a_i`, the others held, a term with :math:`i \in S` is linear, a term
  with :math:`i \notin S` is :math:`c / (d + a_i)` with :math:`c \ge 0, d > 0`, which is convex, and
  a term of an empty mask is linear. So E is convex in each :math:`a_i`, and no value in between
  beats both ends of :math:`[0, |V_i|]`. Moving one coordinate after the other to its better end
  turns any P into a union of visible objects that is at least as good.

So the maximum over all :math:`2^{HW}` masks is the maximum over :math:`2^k` unions, which is
enumerated here. If exactly one object sounds and all are equally likely, a union of W objects gives
:math:`\sum_{i \in W} \frac1k |V_i| / |V_W| = 1/k`, for every W that is not empty: the ceiling is
1/k, whatever the sizes. The proof asks nothing of :math:`\pi`, so it holds for the prior of any
process, twins or not.

A model that hears is compared with the ceiling on the same frames. The ceiling is an expectation
over who sounds, given the pictures; on a small split the blind predictor may happen to score a
little more or less, which is what ``realised`` and its standard error tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ['BlindScore', 'best_blind_union', 'expected_iou']

_EPS = 1e-7
_MAX_OBJECTS = 12


def _iou_table(
    unions: np.ndarray, states: np.ndarray, areas: np.ndarray, num_pixels: int
) -> np.ndarray:
    """J of every union (U, k) bool against every state (M, k) bool: (U, M) float64."""
    inter = (unions * areas) @ states.T.astype(np.float64)
    predicted, truth = (unions @ areas)[:, None], (states @ areas)[None]
    iou = inter / (predicted + truth - inter + _EPS)
    return np.where(truth > 0, iou, (num_pixels - predicted) / (num_pixels + _EPS))


def expected_iou(
    union: np.ndarray, states: np.ndarray, probs: np.ndarray, areas: np.ndarray, num_pixels: int
) -> float:
    """Expected J of predicting a union of visible objects, whoever sounds.

    Args:
        union (np.ndarray): (k,) bool, the objects that are predicted.
        states (np.ndarray): (M, k) bool, the possible sounding sets.
        probs (np.ndarray): (M,) float, their probabilities.
        areas (np.ndarray): (k,) visible pixels of each object.
        num_pixels (int): Pixels of the frame.

    Returns:
        float: Expected IoU in [0, 1].
    """
    areas = np.asarray(areas, dtype=np.float64)
    return float((_iou_table(np.atleast_2d(union), states, areas, num_pixels) @ probs)[0])


def best_blind_union(
    areas: Sequence[int] | np.ndarray, states: np.ndarray, probs: np.ndarray, num_pixels: int
) -> tuple[float, np.ndarray]:
    """The best mask that can be predicted for a frame without hearing (see the module).

    Args:
        areas (Sequence[int] | np.ndarray): (k,) visible pixels of each object.
        states (np.ndarray): (M, k) bool, the possible sounding sets.
        probs (np.ndarray): (M,) float, their probabilities given the picture.
        num_pixels (int): Pixels of the frame, H * W.

    Returns:
        tuple[float, np.ndarray]: The greatest expected IoU of any mask, and the (k,) bool union of
        objects that reaches it.

    Raises:
        ValueError: If there are more than 12 objects: 2 ** k unions are enumerated.
    """
    areas = np.asarray(areas, dtype=np.float64)
    if len(areas) > _MAX_OBJECTS:
        raise ValueError(
            f'{len(areas)} visible objects: the audio-blind ceiling enumerates 2 ** k unions, '
            f'so k may be {_MAX_OBJECTS} at most'
        )
    unions = (np.arange(2 ** len(areas))[:, None] >> np.arange(len(areas)) & 1).astype(bool)
    expected = _iou_table(unions, states, areas, num_pixels) @ probs
    best = int(expected.argmax())
    return float(expected[best]), unions[best]


@dataclass
class BlindScore:
    """Collects the ceiling of a split, frame by frame; a clip is one :meth:`add`."""

    expected: list[float] = field(default_factory=list)
    realised: list[float] = field(default_factory=list)
    clip_sizes: list[int] = field(default_factory=list)

    def add(
        self,
        areas: np.ndarray,
        sounding: np.ndarray,
        states: np.ndarray,
        probs: np.ndarray,
        num_pixels: int,
    ) -> None:
        """Enter the scored frames of one clip.

        Args:
            areas (np.ndarray): (T, k) visible pixels.
            sounding (np.ndarray): (T, k) bool, who really sounds.
            states (np.ndarray): (M, k) bool, the possible sounding sets.
            probs (np.ndarray): (M,) float, their probabilities.
            num_pixels (int): Pixels of a frame.
        """
        for frame_areas, truth in zip(areas, sounding):
            best, union = best_blind_union(frame_areas, states, probs, num_pixels)
            self.expected.append(best)
            self.realised.append(
                expected_iou(union, truth[None], np.ones(1), frame_areas, num_pixels)
            )
        self.clip_sizes.append(len(areas))

    def extend(self, other: 'BlindScore') -> None:
        """Enter all that another one has collected."""
        self.expected += other.expected
        self.realised += other.realised
        self.clip_sizes += other.clip_sizes

    def summary_or_counts(self) -> dict[str, float | int]:
        """:meth:`summary`, or the counts alone where nothing was entered."""
        return self.summary() if self.expected else {'clips': 0, 'frames': 0}

    def summary(self) -> dict[str, float | int]:
        """Means over all frames.

        Returns:
            dict[str, float | int]: ``ceiling`` (expected mIoU of the best blind predictor, in
            [0, 1]), ``realised`` (what it scored with what was drawn), ``realised_std_error`` (of
            the latter, clips being independent of each other), ``frames`` and ``clips``.
        """
        if not self.expected:
            raise ValueError('no frame was entered: there is no ceiling of an empty split')
        bounds = np.cumsum([0, *self.clip_sizes[:-1]])
        surplus = np.asarray(self.realised) - np.asarray(self.expected)
        per_clip = np.add.reduceat(surplus, bounds)
        return {
            'ceiling': float(np.mean(self.expected)),
            'realised': float(np.mean(self.realised)),
            'realised_std_error': float(np.sqrt(np.sum(per_clip**2)) / len(surplus)),
            'frames': len(surplus),
            'clips': len(self.clip_sizes),
        }

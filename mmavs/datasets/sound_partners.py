# Copyright (c) mmavs developers. All rights reserved.
"""Whose sound a clip is heard with: derangements, and partners of other broad groups."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from .sound_groups import GROUP_OF, groups_of

BY_RULE, UNSEEN, ANY = 'by the rule', 'any clip with unseen objects', 'any other clip'
"""str: How an off-screen partner was found: the second and third are fallbacks."""
SHORTER = 'a clip with fewer frames'
"""str: The partner's sound may be too short: no clip with as many frames was there."""


@dataclass(frozen=True)
class HeardClip:
    """What matters of a clip for the choice of another sound.

    Args:
        clip_id (str): Its name, unique.
        num_frames (int): How many frames its sound has to last for.
        heard (frozenset[str]): Names of what is heard in it.
        seen (frozenset[str]): Names of what is seen in it.
        category (str): Of a benchmark that has them. Defaults to ''.
        known (bool): Whether anybody says what is heard and seen in it. Defaults to True.
    """

    clip_id: str
    num_frames: int
    heard: frozenset[str]
    seen: frozenset[str]
    category: str = ''
    known: bool = True


def clip_generator(seed: int, clip_id: str) -> np.random.Generator:
    """A generator that depends on the seed and the clip alone, not on worker, order or epoch.

    Args:
        seed (int): At least 0.
        clip_id (str): Name of the clip.

    Returns:
        np.random.Generator: A new one.
    """
    digest = hashlib.sha256(clip_id.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, '<u4').tolist()])


class OffscreenDraw:
    """Partners whose sound does not come from anything that the clip shows (AVSBench-Robust).

    A partner is another clip of the split. None of the broad groups of what is heard in it may be a
    group of the clip (of what is seen or heard in it), nor one that is least suitable for a group
    of the clip. Clips in which nothing is known to be heard are nobody's partner. Where the rule
    leaves none: any other clip in which nothing is heard that this clip shows; then any other clip.
    At each of these steps clips with at least as many frames are preferred.

    Args:
        clips (Sequence[HeardClip]): The clips of a split.
        by_category (bool): Draw a category among those with an allowed clip, then a clip of it (the
            rule for S4); else draw among the allowed clips (MS3).
        least_suitable (Mapping[str, Sequence[str]]): Group of the clip -> groups of no partner.
        groups (Mapping[str, str]): Class -> group; a class without one is a group of its own.
            Defaults to :data:`GROUP_OF`.
    """

    def __init__(
        self,
        clips: Sequence[HeardClip],
        by_category: bool,
        least_suitable: Mapping[str, Sequence[str]],
        groups: Mapping[str, str] = GROUP_OF,
    ) -> None:
        self.by_category = by_category
        self.least_suitable = least_suitable
        self.groups = groups
        self.used: Counter[str] = Counter()
        """Counter: How often partners were found in which way."""
        # Clips that are heard alike are judged together: a split has thousands of clips, but few
        # sets of objects. Sorted, so that a draw does not depend on the order of the csv.
        self._alike: dict[tuple[frozenset[str], int], list[HeardClip]] = defaultdict(list)
        for clip in sorted(clips, key=lambda clip: clip.clip_id):
            if clip.heard:
                self._alike[clip.heard, clip.num_frames].append(clip)
        self._groups = {heard: groups_of(heard, groups) for heard, _ in self._alike}
        self._pools: dict[tuple, dict[str, list[HeardClip]]] = {}

    def draw(self, clip: HeardClip, seed: int) -> str:
        """Draw the partner of a clip from ``(seed, clip_id)``; counts how it was found.

        Args:
            clip (HeardClip): One of the clips.
            seed (int): At least 0.

        Returns:
            str: Name of the partner, never the clip's own.

        Raises:
            ValueError: If there is no other clip in which anything is heard.
        """
        for way, shorter in product((BY_RULE, UNSEEN, ANY), (False, True)):
            pool = self._pool(way, shorter, clip)
            if way != BY_RULE:  # which never allows the clip itself: it shares its own groups
                pool = _without(pool, clip)
            if pool:
                break
        else:
            raise ValueError(
                f'No clip besides {clip.clip_id} is known to be heard, so it has no off-screen '
                'partner. Give more clips, or sound_folder.'
            )
        self.used[way] += 1
        self.used[SHORTER] += shorter
        generator = clip_generator(seed, clip.clip_id)
        categories = list(pool)
        choice = pool[categories[generator.integers(len(categories))]]
        return choice[generator.integers(len(choice))].clip_id

    def forbidden_groups(self, clip: HeardClip) -> frozenset[str]:
        """Broad groups of which nothing is to be heard with a clip."""
        own = groups_of(clip.seen | clip.heard, self.groups)
        return own.union(*(self.least_suitable.get(group, ()) for group in own))

    def _pool(self, way: str, shorter: bool, clip: HeardClip) -> dict[str, list[HeardClip]]:
        """Allowed partners by category, in order (all under '' where it does not matter)."""
        barred = {BY_RULE: self.forbidden_groups(clip), UNSEEN: clip.seen, ANY: frozenset()}[way]
        key = (way, shorter, clip.num_frames, barred)
        if key in self._pools:
            return self._pools[key]
        found: dict[str, list[HeardClip]] = defaultdict(list)
        for (heard, num_frames), others in self._alike.items():
            names = self._groups[heard] if way == BY_RULE else heard
            if names & barred or (num_frames < clip.num_frames and not shorter):
                continue
            for other in others:
                found[other.category if self.by_category else ''].append(other)
        pool = {category: found[category] for category in sorted(found)}
        if way != UNSEEN:  # of which there are nearly as many as clips
            self._pools[key] = pool
        return pool


def _without(pool: dict[str, list[HeardClip]], clip: HeardClip) -> dict[str, list[HeardClip]]:
    left = {
        category: [other for other in others if other.clip_id != clip.clip_id]
        for category, others in pool.items()
    }
    return {category: others for category, others in left.items() if others}


def swap_partners(categories: Sequence[str], seed: int) -> list[int]:
    """For every clip another one whose sound it gets: a derangement, and each sound is used once.

    The clips are shuffled, sorted by category, and the sounds rotated by the size of the largest
    category. So the sound comes from another category for every clip, as long as no category holds
    more than half of the clips; then for as many as possible.

    Args:
        categories (Sequence[str]): The category of each of at least 2 clips; all the same where the
            benchmark has none.
        seed (int): Seed of the shuffle.

    Returns:
        list[int]: Position of the clip whose sound each clip gets; never its own.
    """
    shuffled = np.random.default_rng(seed).permutation(len(categories)).tolist()
    order = sorted(shuffled, key=lambda index: categories[index])
    largest = max(Counter(categories).values())
    shift = max(1, min(largest, len(order) - largest))
    partners = [0] * len(order)
    for position, index in enumerate(order):
        partners[index] = order[(position + shift) % len(order)]
    return partners


def swap_by_length(
    categories: Sequence[str], lengths: Sequence[int], seed: int
) -> tuple[list[int], list[int]]:
    """:func:`swap_partners` within the clips of each length, so that every sound lasts.

    The only clip of its length hears a random longer one (any other, where none is longer), whose
    sound is then used twice.

    Args:
        categories (Sequence[str]): The category of each of at least 2 clips.
        lengths (Sequence[int]): How many frames each of them has.
        seed (int): Seed of what is drawn.

    Returns:
        tuple[list[int], list[int]]: Position of the clip whose sound each clip gets, never its own,
        and the positions of the clips that are the only ones of their length.
    """
    alike: dict[int, list[int]] = defaultdict(list)
    for index, length in enumerate(lengths):
        alike[length].append(index)
    partners, alone = [0] * len(lengths), []
    for length, members in alike.items():
        if len(members) > 1:
            inner = swap_partners([categories[index] for index in members], seed)
            for index, partner in zip(members, inner):
                partners[index] = members[partner]
        else:
            (index,) = members
            longer = [other for other, frames in enumerate(lengths) if frames > length]
            others = longer or [other for other in range(len(lengths)) if other != index]
            partners[index] = others[np.random.default_rng([seed, index]).integers(len(others))]
            alone.append(index)
    return partners, alone

# Copyright (c) mmavs developers. All rights reserved.
"""What a clip is heard with: its own sound, silence, noise, or the sound of another clip."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

CONDITIONS = ('original', 'silence', 'swapped')
"""tuple[str]: What ``audio_condition`` of a data set may be."""


class AudioCondition:
    """Changes what the clips of a data set are heard with; frames and masks stay.

    - ``'original'``: nothing changes.
    - ``'silence'``: zeros as long as the real sound.
    - ``'swapped'``: the sound of another clip of the split, see :func:`swap_partners`.

    Args:
        name (str): One of :data:`CONDITIONS`. Defaults to ``'original'``.
        seed (int): Of what is drawn. Defaults to 0.

    Raises:
        ValueError: If the condition is unknown.
    """

    def __init__(self, name: str = 'original', seed: int = 0) -> None:
        if name not in CONDITIONS:
            raise ValueError(f'audio_condition is {name!r}, expected one of {CONDITIONS}.')
        self.name = name
        self.seed = seed

    def apply(
        self, data_list: list[dict[str, Any]], audio_keys: Sequence[str], source: str
    ) -> None:
        """Change the items of a split in place.

        Every item gets ``audio_condition`` (the name) and ``audio_clip_id`` (whose sound it is).

        Args:
            data_list (list[dict]): What ``parse_data_info`` gave.
            audio_keys (Sequence[str]): Keys of an item that say what is heard; they move together.
            source (str): Names the list of clips in messages.

        Raises:
            ValueError: If the clips do not suffice for the condition.
        """
        for info in data_list:
            info['audio_condition'] = self.name
            info['audio_clip_id'] = info['clip_id']
        if self.name == 'swapped':
            if len(data_list) < 2:
                raise ValueError(
                    f"audio_condition='swapped' needs at least 2 clips, {source} has "
                    f'{len(data_list)}.'
                )
            categories = [info.get('category', '') for info in data_list]
            self._move_sounds(data_list, swap_partners(categories, self.seed), audio_keys)

    @staticmethod
    def _move_sounds(
        data_list: list[dict[str, Any]], partners: Sequence[int], audio_keys: Sequence[str]
    ) -> None:
        """Give every clip the sound of its partner."""
        keys = (*audio_keys, 'audio_clip_id')
        sounds = [{key: info[key] for key in keys} for info in data_list]
        for info, partner in zip(data_list, partners):
            info.update(sounds[partner])


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

# Copyright (c) mmavs developers. All rights reserved.
"""Broad groups of sounding classes: which sounds may stand in as off-screen ones."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

S4_GROUPS: dict[str, tuple[str, ...]] = {
    'music': ('acoustic_guitar', 'glockenspiel', 'piano', 'tabla', 'ukulele', 'violin'),
    'human': ('baby_laughter', 'female_singing', 'male_speech'),
    'animal': ('cat', 'coyote', 'dog', 'horse', 'lions', 'mynah_bird'),
    'device': (
        'buses',
        'helicopter',
        'race_car',
        'ambulance',
        'cap_gun',
        'chainsaw',
        'lawn_mowing',
        'keyboard',
    ),
}
"""dict: S4's categories in AVSBench-Robust (metrics_robust.md, section 1)."""

S4_CATEGORIES: dict[str, str] = {
    'ambulance_siren': 'ambulance',
    'cap_gun_shooting': 'cap_gun',
    'cat_meowing': 'cat',
    'chainsawing_trees': 'chainsaw',
    'coyote_howling': 'coyote',
    'dog_barking': 'dog',
    'driving_buses': 'buses',
    'horse_clip-clop': 'horse',
    'lions_roaring': 'lions',
    'mynah_bird_singing': 'mynah_bird',
    'playing_acoustic_guitar': 'acoustic_guitar',
    'playing_glockenspiel': 'glockenspiel',
    'playing_piano': 'piano',
    'playing_tabla': 'tabla',
    'playing_ukulele': 'ukulele',
    'playing_violin': 'violin',
    'typing_on_computer_keyboard': 'keyboard',
}
"""dict: Category folders of S4 whose name in :data:`S4_GROUPS` is another."""

MS3_GROUPS: dict[str, tuple[str, ...]] = {
    'music': ('guitar', 'tabla', 'violin', 'ukulele', 'piano', 'marimba'),
    'human': ('man', 'woman', 'baby'),
    'animal': ('dog', 'cat', 'lion', 'bird', 'wolf'),
    'device': ('mower', 'background', 'bus', 'car', 'gun', 'saw', 'emergency-car', 'keyboard'),
}
"""dict: MS3's objects in AVSBench-Robust (metrics_robust.md, section 1)."""

EXTRA_GROUPS: dict[str, tuple[str, ...]] = {
    'music': (
        *('accordion', 'bassoon', 'bell', 'cello', 'clarinet', 'drum', 'erhu', 'flute', 'guzheng'),
        *('handpan', 'harmonica', 'harp', 'pipa', 'saxophone', 'sitar', 'sorna', 'trombone'),
        *('trumpet', 'tuba'),
    ),
    'human': ('boy', 'girl', 'female', 'male', 'person'),
    'animal': (
        *('cow', 'donkey', 'duck', 'elephant', 'goose', 'hen', 'horse', 'leopard', 'parrot'),
        *('pig', 'sheep', 'squirrel', 'tiger', 'zebra'),
    ),
    'device': (
        *('airplane', 'axe', 'boat', 'cell phone', 'clipper', 'clock', 'frying-food', 'hair-dryer'),
        *('helicopter', 'missile-rocket', 'motorcycle', 'mouse', 'skateboard', 'sports ball'),
        *('tank', 'tennis racket', 'tractor', 'train', 'truck', 'utv', 'vacuum-cleaner'),
    ),
}
"""dict: Ours, for the other classes of AVSS and VPO, which AVSBench-Robust does not cover. All that
is neither music, human nor animal counts as device, as ``background`` and the vehicles do there;
VPO's ``mouse`` is the one of a computer."""

S4_LEAST_SUITABLE: dict[str, tuple[str, ...]] = {
    'music': ('human',),
    'human': ('music',),
    'animal': ('human',),
    'device': ('vehicle',),  # a group without members: all vehicles are devices
}
"""dict: Group of a clip -> groups that its off-screen sound must not be of, for S4."""

MS3_LEAST_SUITABLE: dict[str, tuple[str, ...]] = {
    'music': ('human',),
    'human': ('music',),
    'animal': ('human',),
    'device': ('music',),
}
"""dict: The same for MS3."""


def _members(*tables: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {name: group for table in tables for group, names in table.items() for name in names}


GROUP_OF: dict[str, str] = _members(EXTRA_GROUPS, MS3_GROUPS, S4_GROUPS)
"""dict[str, str]: Class -> group, of all tables together."""
GROUP_OF.update({category: GROUP_OF[short] for category, short in S4_CATEGORIES.items()})


def groups_of(names: Iterable[str], groups: Mapping[str, str] = GROUP_OF) -> frozenset[str]:
    """The broad groups of some classes; a class without one is a group of its own.

    Args:
        names (Iterable[str]): Names of classes or S4 categories.
        groups (Mapping[str, str]): Class -> group. Defaults to :data:`GROUP_OF`.

    Returns:
        frozenset[str]: Names of groups.
    """
    return frozenset(groups.get(name, name) for name in names)


class ObjectsFile:
    """Which objects are heard and seen in each clip, from a csv.

    Its columns are ``uid`` or ``vid`` (either is enough), ``a_obj`` (what is heard) and optionally
    ``v_obj`` (what is seen; what is heard, where there is no such column). Several names in a cell
    are separated by ``|`` if the csv has ``v_obj`` or any ``|``, else by ``_`` as in AVSS's
    ``metadata.csv``.

    Args:
        path (str): The csv, UTF-8.
        separator (str, optional): Between the names of a cell. None: as above. Defaults to None.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing.
    """

    KEYS = ('uid', 'vid')

    def __init__(self, path: str, separator: str | None = None) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'There is no objects_file "{path}" (a path relative to the working directory).'
            )
        self.path = path
        with open(path, newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            rows = list(reader)
        if 'a_obj' not in header or not set(self.KEYS) & set(header):
            raise ValueError(
                f'{path} has the columns {list(header)}, expected a_obj, uid or vid, and '
                'optionally v_obj.'
            )
        if separator is None:
            ours = 'v_obj' in header or any('|' in (row['a_obj'] or '') for row in rows)
            separator = '|' if ours else '_'
        self._found: dict[str, set[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        for row in rows:
            heard = _split(row['a_obj'], separator)
            seen = _split(row['v_obj'], separator) if 'v_obj' in header else heard
            for name in {row[key] for key in self.KEYS if row.get(key)}:
                self._found.setdefault(name, set()).add((heard, seen))

    def of(self, clip_id: str) -> tuple[list[str], list[str]] | None:
        """What is heard and seen in a clip, or None where the file does not list it.

        Args:
            clip_id (str): Looked up as a whole, then its last part behind ``/``.

        Returns:
            tuple[list[str], list[str]], optional: Names that are heard and names that are seen.

        Raises:
            ValueError: If rows of this name disagree (a ``vid`` from which several clips come).
        """
        for name in (clip_id, clip_id.rsplit('/', 1)[-1]):
            found = self._found.get(name, set())
            if len(found) > 1:
                raise ValueError(
                    f'{self.path} has several rows for "{name}" with different objects: '
                    f'{sorted(found)}. Give each clip a row of its own uid.'
                )
            if found:
                heard, seen = next(iter(found))
                return list(heard), list(seen)
        return None


def _split(cell: str | None, separator: str) -> tuple[str, ...]:
    names = (name.strip() for name in (cell or '').split(separator))
    return tuple(dict.fromkeys(name for name in names if name))

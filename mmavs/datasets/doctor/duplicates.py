# Copyright (c) mmavs developers. All rights reserved.
"""Clips with the same frames or the same sound, found by digests of their contents."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .findings import Finding, describe

describe(
    'duplicate_across_splits',
    'error',
    'clips of different splits with the same frames or the same sound',
)
describe(
    'duplicate_within_split',
    'warning',
    'clips of one split with the same frames or the same sound',
)
describe(
    'shared_frames',
    'warning',
    'clips that share some of their frames (within one split only a note)',
)

REMEDY = 'Find out which of them is right; a test clip that is trained on flatters every number.'


@dataclass(frozen=True)
class ClipDigests:
    """What remains of a clip when its files are let go.

    Args:
        clip_id (str): Its name.
        split (str): Its split.
        frames (dict[str, bytes]): Path -> digest, without those of one colour.
        sound (tuple[str, bytes] | None): Path and digest, None for silence and for recordings that
            several clips may use.
    """

    clip_id: str
    split: str
    frames: dict[str, bytes]
    sound: tuple[str, bytes] | None


def find_duplicates(clips: Sequence[ClipDigests]) -> Iterator[Finding]:
    """Compare all clips with each other, by way of their digests.

    Of several that are alike, each is named with the first.
    """
    shared = _count_shared([set(clip.frames.values()) for clip in clips])
    sounds = _count_shared([{clip.sound[1]} if clip.sound else set() for clip in clips])
    for first, other in sorted(shared.keys() | sounds.keys()):
        yield from _compare(
            clips[first], clips[other], shared[first, other], (first, other) in sounds
        )


def _count_shared(digests: Sequence[set[bytes]]) -> Counter[tuple[int, int]]:
    """(position of the first that has it, position of another) -> how many digests they share."""
    owners = defaultdict(list)
    for position, own in enumerate(digests):
        for digest in own:
            owners[digest].append(position)
    return Counter(
        (positions[0], other) for positions in owners.values() for other in positions[1:]
    )


def _compare(first: ClipDigests, other: ClipDigests, frames: int, sound: bool) -> Iterator[Finding]:
    across = first.split != other.split
    own = {path for path, value in other.frames.items() if value in first.frames.values()}
    if not across:  # a picture that two clips of a split name is meant, e.g. in VPO-SS
        own -= first.frames.keys()
        frames = frames if own else 0
    if sound and not across and first.sound[0] == other.sound[0]:
        sound = False
    same = {first.frames[path] for path in first.frames} == set(other.frames.values())
    whole = bool(frames) and (same or frames == len(set(other.frames.values())))
    what = [text for text, holds in (('all frames', whole), ('the sound', sound)) if holds]
    where = f'{first.split} clip {first.clip_id}'
    if what:
        name = 'duplicate_across_splits' if across else 'duplicate_within_split'
        file = min(own) if whole else other.sound[0]
        twin = min(first.frames) if whole else first.sound[0]
        found = f'{" and ".join(what)} of {where} ({twin})'
        yield Finding(name, file, found, 'contents of its own', REMEDY, other.clip_id, other.split)
    elif frames:
        found = f'{frames} of {len(other.frames)} frames are also in {where}'
        severity = 'warning' if across else 'info'
        yield Finding(
            'shared_frames',
            min(own),
            found,
            'frames of its own',
            REMEDY,
            other.clip_id,
            other.split,
            severity,
        )

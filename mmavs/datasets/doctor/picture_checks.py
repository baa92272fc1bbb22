# Copyright (c) mmavs developers. All rights reserved.
"""Checks of the frames and masks of one clip."""

from collections.abc import Iterator, Sequence

import numpy as np

from mmavs.structures import IGNORE_INDEX

from ..avss_classes import voc_palette
from .clip_check import clip_check, missing, unreadable
from .content import ClipContent, Needs, Picture
from .findings import Finding

SHOWN = 5
"""int: Stray values that a finding lists."""
BLACK_AND_WHITE = ({0, 255}, {0, 1})
"""tuple[set]: What a binary mask may hold."""


@clip_check('missing_frames', 'error', 'frames that are named and not there')
def missing_frames(clip: ClipContent) -> Iterator[Finding]:
    """Frames that are not there."""
    remedy = 'Extract the frames of the clip again, or take it out of the csv.'
    yield from missing(clip, 'missing_frames', clip.frames, 'frames', remedy)


@clip_check('missing_masks', 'error', 'masks that are named and not there')
def missing_masks(clip: ClipContent) -> Iterator[Finding]:
    """Masks that are not there."""
    remedy = 'Unpack the masks again, or take the clip out of the csv.'
    yield from missing(clip, 'missing_masks', clip.masks, 'masks', remedy)


@clip_check('missing_maskiges', 'error', 'Maskiges that the config loads and that are not there')
def missing_maskiges(clip: ClipContent) -> Iterator[Finding]:
    """Maskiges that are not there."""
    remedy = 'Make them with tools/dataset_converters/sam_masks2maskige.py.'
    if clip.needs.maskiges and not clip.maskiges:
        file = clip.task.frames[0]
        expected = 'maskige_path in data_prefix of the data set'
        yield clip.finding('missing_maskiges', file, 'no name of its Maskige', expected, remedy)
    yield from missing(clip, 'missing_maskiges', clip.maskiges, 'Maskiges', remedy)


@clip_check('unreadable_picture', 'error', 'frames, masks and Maskiges that are damaged or cut off')
def unreadable_picture(clip: ClipContent) -> Iterator[Finding]:
    """Pictures that cannot be decoded."""
    files = [*clip.frames, *clip.masks, *clip.maskiges]
    yield from unreadable(clip, 'unreadable_picture', files, 'an intact PNG or JPEG')


@clip_check('frame_size', 'error', 'frames of one clip that differ in size')
def frame_size(clip: ClipContent) -> Iterator[Finding]:
    """Frames of other sizes than the first."""
    frames = [frame for frame in clip.frames if frame.fine]
    for frame in frames:
        if frame.size != frames[0].size:
            expected = f'{_size(frames[0])}, as {frames[0].path}'
            remedy = 'Extract the frames of the clip again.'
            yield clip.finding('frame_size', frame.path, _size(frame), expected, remedy)


@clip_check('mask_size', 'error', 'masks of another size than their frames (or than each other)')
def mask_size(clip: ClipContent) -> Iterator[Finding]:
    """Masks that do not fit."""
    yield from _misfits(clip, 'mask_size', clip.masks, clip.needs.same_size)


@clip_check('maskige_size', 'error', 'Maskiges of another size than their frames')
def maskige_size(clip: ClipContent) -> Iterator[Finding]:
    """Maskiges that do not fit."""
    yield from _misfits(clip, 'maskige_size', clip.maskiges, True)


def _misfits(
    clip: ClipContent, check: str, pictures: Sequence[Picture | None], to_frames: bool
) -> Iterator[Finding]:
    fine = [
        (picture, frame)
        for picture, frame in zip(pictures, clip.frames)
        if picture is not None and picture.fine
    ]
    for picture, frame in fine:
        other = frame if to_frames else fine[0][0]
        if other.fine and picture.size != other.size:
            expected = f'{_size(other)}, as {other.path}'
            remedy = 'Take frames and masks from the same release, or resize one of them.'
            yield clip.finding(check, picture.path, _size(picture), expected, remedy)


@clip_check('mask_values', 'error', 'masks with grey values, ids or colours that are no class')
def mask_values(clip: ClipContent) -> Iterator[Finding]:
    """Masks with stray values."""
    for mask in _distinct(clip.masks):
        expected, stray = stray_values(mask, clip.needs)
        if stray:
            remedy = 'The mask is of another release, was resized with blending, or saved as JPEG.'
            yield clip.finding('mask_values', mask.path, stray, expected, remedy)


@clip_check('empty_masks', 'info', 'masks that show background only')
def empty_masks(clip: ClipContent) -> Iterator[Finding]:
    """Masks in which nothing sounds: one finding a clip."""
    masks = _distinct(clip.masks)
    empty = [mask.path for mask in masks if not mask.pixels.any()]
    if empty:
        names = ', '.join(path.rpartition('/')[2] for path in empty)
        found = f'{len(empty)} of {len(masks)} masks are empty: {names}'
        remedy = 'Nothing, if nothing sounds there.'
        yield clip.finding('empty_masks', empty[0], found, 'a sounding object', remedy)


@clip_check('cut_short', 'info', 'clips whose last frame stands in for missing ones')
def cut_short(clip: ClipContent) -> Iterator[Finding]:
    """S4 clips that start too late for five frames."""
    distinct = len(set(clip.task.frames))
    if distinct < len(clip.task.frames):
        found = f'{distinct} frames, the last stands in for the others'
        remedy = 'Nothing: the official script wrote no more.'
        file = clip.task.frames[-1]
        yield clip.finding('cut_short', file, found, f'{len(clip.task.frames)} frames', remedy)


def stray_values(mask: Picture, needs: Needs) -> tuple[str, str]:
    """What a mask holds that it must not.

    Args:
        mask (Picture): With pixels.
        needs (Needs): Says which kind of masks the data set has.

    Returns:
        tuple[str, str]: What is expected, and what is found beyond it; empty if nothing.
    """
    if needs.label_source == 'rgb':
        return _stray_colours(mask, needs.num_colours or needs.num_classes)
    if needs.num_classes or needs.label_map:
        return _stray_ids(mask, needs)
    return _stray_greys(mask)


def _stray_greys(mask: Picture) -> tuple[str, str]:
    """The loader takes all above 0 as sounding, so a blended border would grow the object."""
    expected = 'the values 0 and 255 (or 0 and 1) alone'
    pixels = mask.pixels
    if mask.mode == 'P':  # two colours, whatever they are
        values = np.unique(pixels).tolist()
        return expected, '' if len(values) <= 2 else f'{len(values)} palette entries'
    if pixels.ndim == 3:
        channels = pixels[..., :3]
        if pixels.shape[2] not in (3, 4) or (channels != channels[..., :1]).any():
            return expected, f'colours (mode {mask.mode})'
        pixels = channels[..., 0]
    if pixels.dtype not in (np.uint8, np.bool_):
        return expected, f'values of {pixels.dtype.name} (mode {mask.mode})'
    counts = np.bincount(pixels.ravel(), minlength=256)
    present = set(np.flatnonzero(counts).tolist())
    if any(present <= allowed for allowed in BLACK_AND_WHITE):
        return expected, ''
    return expected, _list(counts, sorted(present - {0, 255}), 'value')


def _stray_ids(mask: Picture, needs: Needs) -> tuple[str, str]:
    num_classes = needs.num_classes or 2
    allowed = np.zeros(256, bool)
    allowed[:num_classes] = True
    expected = f'class ids from 0 to {num_classes - 1}'
    if needs.label_map:
        labels = np.array(needs.label_map)
        allowed = (labels >= 0) & (labels < num_classes)
        ids = np.flatnonzero(allowed).tolist()
        expected = f'{len(ids)} ids from 0 to {ids[-1]}'
    allowed[IGNORE_INDEX] = True
    pixels = mask.pixels
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.bool_):
        return f'{expected} in one channel', f'mode {mask.mode}, {pixels.dtype.name}'
    counts = np.bincount(pixels.ravel(), minlength=256)
    stray = np.flatnonzero(counts.astype(bool) & ~allowed)
    return expected, _list(counts, stray.tolist(), 'id') if len(stray) else ''


def _stray_colours(mask: Picture, num_colours: int) -> tuple[str, str]:
    expected = f'the colours of {num_colours} classes'
    pixels = mask.pixels
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        return expected, f'mode {mask.mode}, {pixels.dtype.name}'
    weights = np.array([1 << 16, 1 << 8, 1], np.int32)
    codes = pixels[..., :3] @ weights
    known = np.sort(np.array(voc_palette(num_colours), np.int32) @ weights)
    place = np.searchsorted(known, codes).clip(max=num_colours - 1)
    values, counts = np.unique(codes[known[place] != codes], return_counts=True)
    if not len(values):
        return expected, ''
    order = np.argsort(-counts)[:SHOWN]
    texts = [
        f'({code >> 16}, {code >> 8 & 255}, {code & 255}) on {count} pixels'
        for code, count in zip(values[order].tolist(), counts[order].tolist())
    ]
    return expected, _and_more('colour ' + ', '.join(texts), len(values))


def _list(counts: np.ndarray, values: list[int], name: str) -> str:
    """The most frequent values, and on how many pixels they are."""
    order = sorted(values, key=lambda value: -counts[value])
    texts = [f'{value} on {counts[value]} pixels' for value in order[:SHOWN]]
    return _and_more(f'{name} {", ".join(texts)}', len(values))


def _and_more(text: str, total: int) -> str:
    return text if total <= SHOWN else f'{text} and {total - SHOWN} more'


def _distinct(pictures: Sequence[Picture | None]) -> list[Picture]:
    """Those that were decoded, each once."""
    read = {p.path: p for p in pictures if p is not None and p.fine and p.pixels is not None}
    return list(read.values())


def _size(picture: Picture) -> str:
    return f'{picture.size[0]}x{picture.size[1]} (width x height)'

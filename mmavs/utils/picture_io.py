# Copyright (c) mmavs developers. All rights reserved.
"""Pillow's pixels, sooner: from FFmpeg and torch where they are certain to give the same values.

Pillow is what the official loaders read and resize with, so its pixels are the contract. Each
function here either gives exactly those or leaves the work to Pillow.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache

import av
import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

PNG_START = b'\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR'
PNG_HEADER = struct.Struct('>IIBBBBB')  # width, height, bits, colour type, and three methods
HEADER_END = len(PNG_START) + PNG_HEADER.size + 4  # behind the checksum
RGB_OF_8_BITS = (8, 2, 0, 0, 0)
"""tuple: Bits, colour type, compression, filters and interlacing of an ordinary RGB picture."""
PLAIN_CHUNKS = frozenset(
    (b'IHDR', b'IDAT', b'IEND', b'pHYs', b'tEXt', b'zTXt', b'iTXt', b'tIME', b'gAMA', b'cHRM')
    + (b'sRGB', b'iCCP')
)
"""frozenset: Chunks that change no pixel, whoever decodes. Not among them are transparency,
animations and orientation."""
STRICT = dict(err_detect='crccheck+explode')

MAX_PARTS = 4096
"""int: Weights of resizing are multiples of 1 / (2 * parts); torch's have 13 binary digits."""


def decode_plain_png(path: str, mode: str | None) -> np.ndarray | None:
    """Decode a PNG by FFmpeg where that gives what Pillow gives, and is worth it.

    That is so for 8-bit RGB pictures that are neither interlaced nor transparent. Everything else
    is Pillow's to read, and damaged files are Pillow's to refuse: all checksums are looked at, and
    whether all of the rows are there. (Not noticed is a filter that PNG does not have, in a file
    whose checksums are right: a mistake of the program that wrote it, not damage.)

    Args:
        path (str): The file.
        mode (str | None): Pillow's mode that is wanted; None is the stored one.

    Returns:
        np.ndarray | None: (H, W, 3) RGB uint8; None where Pillow has to read the file.

    Raises:
        OSError: If the file cannot be opened.
    """
    if mode not in ('RGB', None):
        return None
    with open(path, 'rb') as file:
        start = file.read(HEADER_END)
        if not start.startswith(PNG_START) or len(start) < HEADER_END:
            return None
        width, height, *kind = PNG_HEADER.unpack_from(start, len(PNG_START))
        too_large = width * height > (Image.MAX_IMAGE_PIXELS or math.inf)
        if tuple(kind) != RGB_OF_8_BITS or too_large:
            return None
        content = start + file.read()
    chunks = list(_chunks(content))
    names = [name for name, _, _ in chunks]
    if not names or names[-1] != b'IEND' or not PLAIN_CHUNKS.issuperset(names):
        return None
    decoder = av.CodecContext.create('png', 'r')
    decoder.thread_count = 1
    decoder.options = STRICT
    try:
        frames = decoder.decode(av.Packet(content))
    except av.FFmpegError:
        return None
    if [frame.format.name for frame in frames] != ['rgb24']:
        return None
    pixels = np.array(frames[0].to_ndarray(), order='C')  # of its own, not FFmpeg's
    if pixels.shape != (height, width, 3):
        return None
    # Rows that a stream lacks stay black in FFmpeg; where the last one is, the stream is inflated.
    if not pixels[-1].any():
        stream = b''.join(content[a:b] for name, a, b in chunks if name == b'IDAT')
        if not _has_bytes(stream, height * (1 + 3 * width)):
            return None
    return pixels


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of the chunks of a PNG that are whole, up to the one that ends it."""
    position = 8  # behind the signature
    while position + 12 <= len(content):
        name, begin = content[position + 4 : position + 8], position + 8
        end = begin + int.from_bytes(content[position : position + 4], 'big')
        if end + 4 > len(content):
            return
        yield name, begin, end
        if name == b'IEND':
            return
        position = end + 4


def _has_bytes(stream: bytes, count: int) -> bool:
    """Whether a zlib stream holds so many bytes at least."""
    try:
        return len(zlib.decompressobj().decompress(stream)) >= count
    except zlib.error:
        return False


def resize_bilinear(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize as ``Image.resize(size, BILINEAR)`` does, which averages where it shrinks.

    Where both sides grow by a ratio whose denominator is a power of two (224 to 256, 448 or 512),
    the weights of the pixels are exact in binary, and so torch's integer kernel has the same
    results as Pillow's. That is checked once for each pair of sizes, as a torch without that
    kernel rounds otherwise. All other pictures are resized by Pillow.

    Args:
        picture (np.ndarray): (H, W, 3) or (H, W) uint8.
        size (tuple[int, int]): Width and height that are wanted.

    Returns:
        np.ndarray: (height, width, 3) or (height, width) uint8; ``picture`` itself where it has the
        size.
    """
    height, width = picture.shape[:2]
    if (width, height) == tuple(size):
        return picture
    by_torch = (
        picture.ndim == 3
        and picture.shape[2] == 3
        and has_exact_weights(width, size[0])
        and has_exact_weights(height, size[1])
        and _torch_equals_pillow((width, height), tuple(size))
    )
    return _resize_by_torch(picture, size) if by_torch else _resize_by_pillow(picture, size)


def has_exact_weights(source: int, target: int) -> bool:
    """Whether ``source`` pixels grow to ``target`` with weights that have few binary digits."""
    parts = target // math.gcd(source, target)
    return source <= target and parts <= MAX_PARTS and parts & (parts - 1) == 0


def _resize_by_pillow(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


def _resize_by_torch(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if min(picture.strides) < 0:  # flipped, also along a side of one pixel, which torch refuses
        picture = picture.copy()
    # view() says that the batch of one has channels last; [None] does not, and the result would
    # come out in planes, at three times the cost.
    batch = torch.from_numpy(np.ascontiguousarray(picture)).view(1, *picture.shape)
    channels_last = batch.permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(
        channels_last, size=(size[1], size[0]), mode='bilinear', antialias=True
    )
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


@cache
def _torch_equals_pillow(source: tuple[int, int], target: tuple[int, int]) -> bool:
    """Whether both resize noise of a size (width, height) to the same values, on this machine."""
    noise = np.random.default_rng(0).integers(0, 256, (source[1], source[0], 3), np.uint8)
    try:
        resized = _resize_by_torch(noise, target)
    except (RuntimeError, NotImplementedError):  # a torch that resizes no integers
        return False
    return np.array_equal(resized, _resize_by_pillow(noise, target))


def resize_nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize as ``Image.resize(size, NEAREST)`` does.

    Args:
        labels (np.ndarray): (H, W).
        size (tuple[int, int]): Width and height that are wanted.

    Returns:
        np.ndarray: (height, width); ``labels`` itself where it has the size.
    """
    height, width = labels.shape
    if (width, height) == tuple(size):
        return labels
    columns = np.take(labels, _nearest(width, size[0]), axis=1)
    return np.take(columns, _nearest(height, size[1]), axis=0)


@cache
def _nearest(source: int, target: int) -> np.ndarray:
    """Which of ``source`` pixels Pillow takes for each of ``target``: it is asked once."""
    ramp = Image.fromarray(np.arange(source, dtype=np.int32)[None])
    return np.array(ramp.resize((target, 1), Image.Resampling.NEAREST))[0]


def stack_planes(pictures: Sequence[np.ndarray]) -> Tensor:
    """Stack T pictures (H, W, 3) uint8 of one size to (T, 3, H, W), in one pass over the pixels.

    Raises:
        ValueError: If the pictures differ in size, or are no (H, W, 3) uint8.
    """
    kinds = {(picture.shape, picture.dtype.name) for picture in pictures}
    height, width, channels = pictures[0].shape if pictures and pictures[0].ndim == 3 else (0, 0, 0)
    if kinds != {((height, width, 3), 'uint8')}:
        raise ValueError(f'Expected (H, W, 3) uint8 pictures of one size, got {sorted(kinds)}.')
    planes = np.empty((len(pictures), channels, height, width), np.uint8)
    for picture, target in zip(pictures, planes):
        cv2.split(picture, list(target))
    return torch.from_numpy(planes)

# Copyright (c) mmavs developers. All rights reserved.
"""Pillow's pixels, sooner: from OpenCV and torch where they are certain to give the same values.

Pillow is what the official loaders read and resize with, so its pixels are the contract. Each
function here either gives exactly those or leaves the work to Pillow.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

PNG_START = b'\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR'
PNG_HEADER = struct.Struct('>IIBBBBB')  # width, height, bits, colour type, and three methods
HEADER_END = len(PNG_START) + PNG_HEADER.size + 4  # behind the checksum
PLAIN_CHUNKS = frozenset(
    (b'pHYs', b'tEXt', b'zTXt', b'iTXt', b'tIME', b'gAMA', b'cHRM', b'sRGB', b'iCCP', b'IHDR')
)
"""frozenset: Chunks that change no pixel in Pillow nor in OpenCV. Not among them are transparency,
palettes, animations, and the orientation that OpenCV applies and Pillow does not."""
GREY, RGB = 0, 2
COLOUR_TYPES = {GREY: ('L', None), RGB: ('RGB', None)}
"""dict: PNG colour type -> modes in which its values stay as they are stored."""

MAX_PARTS = 4096
"""int: Weights of resizing are multiples of 1 / (2 * parts); torch's have 13 binary digits."""


def decode_plain_png(path: str, mode: str | None) -> np.ndarray | None:
    """Decode a PNG by OpenCV where that gives what Pillow gives.

    That is so for 8-bit grey or RGB values that are neither interlaced nor transparent, and for
    ``mode`` as stored. Everything else, damaged files included, is Pillow's to read or refuse.

    Args:
        path (str): The file.
        mode (str | None): Pillow's mode that is wanted; None is the stored one.

    Returns:
        np.ndarray | None: (H, W, 3) RGB or (H, W) uint8; None where Pillow has to read the file.

    Raises:
        OSError: If the file cannot be opened.
    """
    with open(path, 'rb') as file:
        start = file.read(HEADER_END)
        if not start.startswith(PNG_START) or len(start) < HEADER_END:
            return None
        width, height, bits, colour, *methods = PNG_HEADER.unpack_from(start, len(PNG_START))
        plain = bits == 8 and not any(methods) and mode in COLOUR_TYPES.get(colour, ())
        if not plain or not 0 < width * height <= (Image.MAX_IMAGE_PIXELS or math.inf):
            return None
        content = start + file.read()
    if not _has_plain_chunks(content):
        return None
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    shape = (height, width, 3) if colour == RGB else (height, width)
    if pixels is None or pixels.shape != shape or pixels.dtype != np.uint8:
        return None
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels) if colour == RGB else pixels


def _has_plain_chunks(content: bytes) -> bool:
    """Whether all chunks are plain and whole, up to the one that ends a PNG.

    The checksum of pixels is left to OpenCV: refused there, they come to Pillow, which ignores it.
    """
    position = 8  # behind the signature
    while position + 12 <= len(content):
        length = int.from_bytes(content[position : position + 4], 'big')
        kind = content[position + 4 : position + 8]
        end = position + 12 + length
        if kind == b'IEND':
            return True
        if kind in PLAIN_CHUNKS:
            checksum = int.from_bytes(content[end - 4 : end], 'big')
            if zlib.crc32(content[position + 4 : end - 4]) != checksum:
                return False
        elif kind != b'IDAT':
            return False
        position = end
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

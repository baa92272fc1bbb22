# Copyright (c) mmavs developers. All rights reserved.
"""Every picture is compared with Pillow's reading and resizing of it."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from mmavs.utils import picture_io
from mmavs.utils.picture_io import (
    decode_plain_png,
    resize_bilinear,
    resize_nearest,
    stack_planes,
)

SIGNATURE = b'\x89PNG\r\n\x1a\n'
HEADER = slice(8, 33)


def noise(height, width, *channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)


def pillow(path, mode):
    with Image.open(path) as picture:
        return np.array(picture if mode is None else picture.convert(mode))


def chunk(kind, content):
    return (
        struct.pack('>I', len(content))
        + kind
        + content
        + struct.pack('>I', zlib.crc32(kind + content))
    )


def chunks_of(content):
    position, found = 8, []
    while position < len(content):
        (length,) = struct.unpack_from('>I', content, position)
        found.append((content[position + 4 : position + 8], content[position + 8 :][:length]))
        position += length + 12
    return found


def pixels_of(content):
    """The compressed pixels of a PNG."""
    return b''.join(part for kind, part in chunks_of(content) if kind == b'IDAT')


def png_with(content, *extra, pixels=None):
    """The PNG with chunks before its pixels, and with other pixels."""
    parts = [chunk(*entry) for entry in extra]
    body = chunk(b'IDAT', pixels_of(content) if pixels is None else pixels)
    return SIGNATURE + content[HEADER] + b''.join(parts) + body + chunk(b'IEND', b'')


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'picture.png')


GRADIENT = np.add.outer(np.arange(61), np.arange(47)).astype(np.uint8)


@pytest.mark.parametrize('level', [0, 1, 6, 9])
@pytest.mark.parametrize('mode', ['RGB', 'L', None])
@pytest.mark.parametrize('shape', [(61, 47), (61, 47, 3), (1, 1, 3), (224, 224, 3)])
def test_plain_pngs_are_decoded_as_by_pillow(path, shape, mode, level):
    content = noise(*shape)
    content[: shape[0] // 2] //= 64  # so that all the filters of PNG occur
    Image.fromarray(content).save(path, compress_level=level)
    decoded = decode_plain_png(path, mode)
    if len(shape) == 3 and mode != 'L':
        assert np.array_equal(decoded, pillow(path, mode)) and np.array_equal(decoded, content)
        assert decoded.dtype == np.uint8 and decoded.flags.writeable and decoded.flags.c_contiguous
    else:
        assert decoded is None


@pytest.mark.parametrize('strategy', range(5))
@pytest.mark.parametrize('picture', [noise(40, 30, 3), np.stack([GRADIENT] * 3, -1)])
def test_pngs_that_opencv_wrote(path, picture, strategy):
    cv2.imwrite(path, picture, [cv2.IMWRITE_PNG_STRATEGY, strategy])
    assert np.array_equal(decode_plain_png(path, 'RGB'), picture[..., ::-1])
    assert np.array_equal(pillow(path, 'RGB'), picture[..., ::-1])


def save_as(mode):
    def write(path):
        picture = Image.fromarray(noise(20, 30, 3 if mode == 'P' else 4))
        picture.convert(mode).save(path)

    return write


def save_deep(path):
    cv2.imwrite(path, np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16))


def save_bits(path):
    Image.fromarray(noise(20, 30) > 100).save(path)


def save_transparent_colour(path):
    Image.fromarray(noise(20, 30, 3)).save(path, transparency=(1, 2, 3))


def save_turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter
    Image.fromarray(noise(20, 30, 3)).save(path, exif=exif)


def save_moving(path):
    frames = [Image.fromarray(noise(20, 30, 3, seed=seed)) for seed in range(2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def save_interlaced(path):
    """Adam7 of one pixel is that pixel; OpenCV and Pillow write none, so it is made by hand."""
    header = struct.pack('>IIBBBBB', 1, 1, 8, 2, 0, 0, 1)
    pixels = zlib.compress(bytes([0, 10, 20, 30]))
    parts = chunk(b'IHDR', header) + chunk(b'IDAT', pixels) + chunk(b'IEND', b'')
    Path(path).write_bytes(SIGNATURE + parts)


def save_jpeg(path):
    Image.fromarray(noise(20, 30, 3)).save(path, 'JPEG')


OTHER_KINDS = {
    'palette': save_as('P'),
    'grey with alpha': save_as('LA'),
    'alpha': save_as('RGBA'),
    '16 bits': save_deep,
    '1 bit': save_bits,
    'transparent colour': save_transparent_colour,
    'turned': save_turned,
    'moving': save_moving,
    'interlaced': save_interlaced,
    'jpeg': save_jpeg,
}


@pytest.mark.parametrize('save', OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_other_kinds_are_left_to_pillow(path, save):
    save(path)
    assert pillow(path, 'RGB').ndim == 3  # which reads them
    assert decode_plain_png(path, 'RGB') is None and decode_plain_png(path, None) is None


def test_chunks_that_change_no_pixel(path):
    info = PngImagePlugin.PngInfo()
    info.add_text('Title', 'a frame')
    info.add_text('Comment', 'x' * 3000, zip=True)
    info.add_itxt('Author', 'nobody')
    image = Image.fromarray(noise(20, 30, 3))
    image.save(path, pnginfo=info, dpi=(72, 72), icc_profile=b'x' * 200)
    content = png_with(
        Path(path).read_bytes(),
        *((kind, part) for kind, part in chunks_of(Path(path).read_bytes()) if kind != b'IDAT'),
    )
    kinds = (
        (b'gAMA', struct.pack('>I', 22222)),
        (b'cHRM', struct.pack('>8I', *range(30000, 38000, 1000))),
        (b'sRGB', b'\x01'),
        (b'tIME', b'\x07\xea\x01\x02\x03\x04\x05'),
    )
    for extra in [()] + [(entry,) for entry in kinds] + [kinds[:2], kinds]:
        Path(path).write_bytes(png_with(content, *extra))
        assert np.array_equal(decode_plain_png(path, 'RGB'), np.asarray(image)), extra
        assert np.array_equal(pillow(path, 'RGB'), np.asarray(image))


def test_a_chunk_that_nobody_knows_is_left_to_pillow(path):
    Image.fromarray(noise(20, 30, 3)).save(path)
    Path(path).write_bytes(png_with(Path(path).read_bytes(), (b'sBIT', b'\x05\x05\x05')))
    assert decode_plain_png(path, 'RGB') is None and pillow(path, 'RGB').shape == (20, 30, 3)


def damaged(content):
    """Name -> a broken version of a PNG."""
    pixels = pixels_of(content)
    raw = zlib.decompress(pixels)
    yield 'cut', content[: len(content) // 2]
    yield 'without end', content[:-12]
    yield 'without pixels', SIGNATURE + content[HEADER] + chunk(b'IEND', b'')
    yield 'header checksum', content[:20] + bytes([content[20] ^ 1]) + content[21:]
    yield 'text checksum', png_with(content, (b'tEXt', b'a\0b')).replace(b'a\0b', b'a\0c')
    yield 'stream cut', png_with(content, pixels=pixels[: len(pixels) // 2])
    yield 'stream end cut', png_with(content, pixels=pixels[:-6])
    yield 'stream checksum', png_with(content, pixels=pixels[:-1] + bytes([pixels[-1] ^ 1]))
    yield 'stream garbage', png_with(content, pixels=pixels[:500] + bytes(50) + pixels[550:])
    yield (
        'pixel checksum',
        content.replace(struct.pack('>I', zlib.crc32(b'IDAT' + pixels)), b'abcd'),
    )
    row = 1 + 3 * 64
    for missing in (1, row - 1, row, 40 * row):
        yield f'{missing} bytes missing', png_with(content, pixels=zlib.compress(raw[:-missing]))
    for missing in (1, 4, 5, 20, 1000, 8000):
        yield f'{missing} bytes of the stream missing', png_with(content, pixels=pixels[:-missing])
    yield 'no stream', png_with(content, pixels=b'')
    yield 'rows added', png_with(content, pixels=zlib.compress(raw + bytes(600)))
    yield 'no picture', b'<html>404 Not Found</html>'
    yield 'empty', b''


@pytest.mark.parametrize('last_row', ['noise', 'black'])
def test_nothing_is_read_that_pillow_refuses(path, last_row):
    picture = noise(64, 64, 3)
    if last_row == 'black':
        picture[-5:] = 0
    Image.fromarray(picture).save(path)
    assert np.array_equal(decode_plain_png(path, 'RGB'), picture)
    refused = set()
    for name, content in damaged(Path(path).read_bytes()):
        Path(path).write_bytes(content)
        decoded = decode_plain_png(path, 'RGB')
        try:
            expected = pillow(path, 'RGB')
        except (OSError, SyntaxError, ValueError):
            refused.add(name)
            assert decoded is None, name
        else:
            assert decoded is None or np.array_equal(decoded, expected), name
    assert {'cut', 'header checksum', 'stream cut', 'no picture', 'empty'} <= refused


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        decode_plain_png(str(tmp_path / 'none.png'), 'RGB')


def test_a_picture_beyond_pillows_limit(path, monkeypatch):
    Image.fromarray(noise(20, 30, 3)).save(path)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 500)
    assert decode_plain_png(path, 'RGB') is None
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', None)
    assert decode_plain_png(path, 'RGB').shape == (20, 30, 3)


# (width, height) of the source and of the target
BY_TORCH = [((224, 224), (512, 512)), ((224, 224), (256, 448)), ((7, 24), (512, 768))] + [
    ((96, 64), (96, 128)),
    ((1, 1), (64, 2)),
]
BY_PILLOW = [((224, 224), (384, 384)), ((320, 180), (224, 224)), ((512, 512), (224, 224))] + [
    ((224, 224), (512, 200)),
    ((100, 40), (150, 60)),
]


@pytest.mark.parametrize('source, target', BY_TORCH + BY_PILLOW)
def test_resized_as_by_pillow(source, target, monkeypatch):
    used = []
    resize = picture_io._resize_by_torch
    monkeypatch.setattr(
        picture_io, '_resize_by_torch', lambda *args: used.append(0) or resize(*args)
    )
    picture = noise(source[1], source[0], 3, seed=1)
    for content in (picture, picture[::-1, ::-1], np.where(picture > 128, 255, 0).astype(np.uint8)):
        resized = resize_bilinear(content, target)
        expected = Image.fromarray(content).resize(target, Image.Resampling.BILINEAR)
        assert np.array_equal(resized, np.asarray(expected))
        assert resized.flags.c_contiguous and resized.flags.writeable
    assert bool(used) == ((source, target) in BY_TORCH)


def test_grey_pictures_and_pictures_of_that_size():
    grey = noise(24, 24)
    expected = Image.fromarray(grey).resize((48, 48), Image.Resampling.BILINEAR)
    assert np.array_equal(resize_bilinear(grey, (48, 48)), np.asarray(expected))
    assert resize_bilinear(grey, (24, 24)) is grey


def test_nearest_as_by_pillow():
    rng = np.random.default_rng(0)
    sizes = [((224, 224), (512, 512)), ((224, 224), (384, 384)), ((1280, 720), (224, 224))]
    sizes += [(tuple(a), tuple(b)) for a, b in rng.integers(1, 300, (60, 2, 2)).tolist()]
    for source, target in sizes:
        labels = noise(source[1], source[0])
        resized = resize_nearest(labels, target)
        expected = np.asarray(Image.fromarray(labels).resize(target, Image.Resampling.NEAREST))
        assert np.array_equal(resized, expected) and resized.dtype == np.uint8
        assert resized.flags.c_contiguous
    assert resize_nearest(labels, labels.shape[::-1]) is labels


def black(picture, size):
    return np.zeros((size[1], size[0], 3), np.uint8)


def no_kernel(picture, size):
    raise NotImplementedError('upsample_bilinear2d_aa of Byte')


@pytest.mark.parametrize('other_torch', [black, no_kernel])
def test_a_torch_that_resizes_otherwise_is_not_used(monkeypatch, other_torch):
    monkeypatch.setattr(picture_io, '_resize_by_torch', other_torch)
    check = picture_io._torch_equals_pillow.__wrapped__  # without what it remembers
    monkeypatch.setattr(picture_io, '_torch_equals_pillow', check)
    picture = noise(20, 20, 3)
    expected = Image.fromarray(picture).resize((40, 40), Image.Resampling.BILINEAR)
    assert np.array_equal(resize_bilinear(picture, (40, 40)), np.asarray(expected))


def test_planes():
    pictures = [noise(5, 7, 3, seed=seed) for seed in range(3)]
    planes = stack_planes(pictures)
    assert torch.equal(planes, torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))
    assert planes.is_contiguous() and planes.dtype == torch.uint8
    views = [picture[::-1, ::2] for picture in pictures]
    assert torch.equal(stack_planes(views), torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    'pictures',
    [[], [noise(5, 7)], [noise(5, 7, 3), noise(7, 5, 3)], [noise(5, 7, 3).astype(np.float32)]],
)
def test_planes_of_other_things(pictures):
    with pytest.raises(ValueError, match=r'Expected \(H, W, 3\) uint8 pictures of one size'):
        stack_planes(pictures)

# Copyright (c) mmavs developers. All rights reserved.
"""The files of a clip, each read once; what cannot be read is said, not raised."""

import hashlib
import os
import struct
import warnings
from dataclasses import dataclass, field

import numpy as np
import soundfile
from PIL import Image

from .findings import Finding

UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""tuple[int]: What a RIFF header says where the writer could not go back to fill in the size."""


@dataclass
class FileContent:
    """A file, whether it is there (``missing``) and can be read (``error`` is empty)."""

    path: str
    missing: bool = False
    error: str = ''

    @property
    def fine(self) -> bool:
        """Whether it could be read."""
        return not self.missing and not self.error


@dataclass
class Picture(FileContent):
    """A frame, mask or Maskige: Pillow's mode, (width, height), stored values unless read fast."""

    mode: str = ''
    size: tuple[int, int] = (0, 0)
    pixels: np.ndarray | None = None


@dataclass
class Sound(FileContent):
    """A waveform: Hz, channels, samples of a channel, and (samples, channels) unless read fast."""

    rate: int = 0
    channels: int = 0
    samples: int = 0
    waveform: np.ndarray | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.samples / self.rate


@dataclass
class LogMel(FileContent):
    """Stored log-mel examples: shape, type, values unless read fast."""

    shape: tuple[int, ...] = ()
    dtype: str = ''
    values: np.ndarray | None = None


@dataclass(frozen=True)
class Needs:
    """What a config wants of the clips of a data set.

    Args:
        audio (str): ``'wave'``, ``'logmel'`` or ``'mixed'`` (several recordings of a picture).
        sample_rate (int): In Hz.
        mono (bool): Whether channels are averaged.
        on_short (str): Of the loader: ``'error'``, or what it does instead.
        hears (str): Of ``LoadClipAudio``: what is heard of a frame.
        seconds (float): What is taken of each recording, where they are mixed.
        masks (bool): Whether masks are loaded.
        same_size (bool): Whether masks must have the size of the frames.
        maskiges (bool): Whether Maskiges are loaded.
        num_classes (int): Of the masks; 0 for masks that are black and white.
        label_source (str): ``'semantic'`` (ids) or ``'rgb'`` (colours).
        num_colours (int): Colours that are classes, for ``'rgb'``.
        label_map (tuple[int, ...]): Stored id -> class, -1 for ids that must not occur; or empty.
    """

    audio: str = 'wave'
    sample_rate: int = 16000
    mono: bool = True
    on_short: str = 'error'
    hears: str = 'vggish'
    seconds: float = 0.0
    masks: bool = True
    same_size: bool = True
    maskiges: bool = False
    num_classes: int = 0
    label_source: str = 'semantic'
    num_colours: int = 0
    label_map: tuple[int, ...] = ()


@dataclass(frozen=True)
class ClipTask:
    """The files of one clip.

    Args:
        clip_id (str): Its name.
        split (str): Its split.
        frames (tuple[str, ...]): The T frames; equal entries where one stands in for others.
        masks (tuple[str | None, ...]): Their masks.
        maskiges (tuple[str, ...]): Their Maskiges, or nothing.
        sounds (tuple[str, ...]): Its sound, or the recordings that no earlier clip has named.
        logmel (str | None): Its log-mel examples.
        num_frames (int): T of the whole clip.
    """

    clip_id: str
    split: str
    frames: tuple[str, ...]
    masks: tuple[str | None, ...]
    maskiges: tuple[str, ...]
    sounds: tuple[str, ...]
    logmel: str | None
    num_frames: int

    def files(self) -> list[str]:
        """All files that it names, each once."""
        paths = [*self.frames, *self.masks, *self.maskiges, *self.sounds, self.logmel]
        return list(dict.fromkeys(path for path in paths if path))


@dataclass
class ClipContent:
    """What the checks of a clip look at."""

    task: ClipTask
    needs: Needs
    frames: list[Picture] = field(default_factory=list)
    masks: list[Picture | None] = field(default_factory=list)
    maskiges: list[Picture] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    logmel: LogMel | None = None

    def finding(
        self, check: str, file: str, found: str, expected: str, remedy: str, severity: str = ''
    ) -> Finding:
        """A finding of this clip; see :class:`Finding`."""
        clip, split = self.task.clip_id, self.task.split
        return Finding(check, file, found, expected, remedy, clip, split, severity)


def read_clip(task: ClipTask, needs: Needs, fast: bool = False) -> ClipContent:
    """Read the files that the config needs.

    Args:
        task (ClipTask): The clip.
        needs (Needs): Of its data set.
        fast (bool): Whether to read headers only. Defaults to False.
    """
    pictures = {path: read_picture(path, fast) for path in dict.fromkeys(task.frames)}
    content = ClipContent(task, needs, frames=[pictures[path] for path in task.frames])
    if needs.masks:
        paths = dict.fromkeys(path for path in task.masks if path is not None)
        masks = {path: read_picture(path, fast) for path in paths}
        content.masks = [None if path is None else masks[path] for path in task.masks]
    if needs.maskiges:
        content.maskiges = [read_picture(path, fast) for path in task.maskiges]
    if needs.audio == 'logmel':
        if task.logmel is not None:
            content.logmel = read_logmel(task.logmel, fast)
    else:
        content.sounds = [read_sound(path, fast) for path in task.sounds]
    return content


def read_picture(path: str, fast: bool) -> Picture:
    """Read a picture with its stored values, or its header."""
    picture = Picture(path, missing=not os.path.isfile(path))
    if picture.missing:
        return picture
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(path) as image:
                picture.mode, picture.size = image.mode, image.size
                picture.pixels = None if fast else np.array(image)
    except Exception as error:  # whatever a decoder raises on a broken file
        picture.error = _one_line(error)
    return picture


def read_sound(path: str, fast: bool) -> Sound:
    """Read a waveform, or its header."""
    sound = Sound(path, missing=not os.path.isfile(path))
    if sound.missing:
        return sound
    try:
        with soundfile.SoundFile(path) as file:
            sound.rate, sound.channels, sound.samples = file.samplerate, file.channels, file.frames
            if not fast:
                sound.waveform = file.read(dtype='float32', always_2d=True)
                sound.samples = len(sound.waveform)
        sound.error = _cut_off(path) or ('' if sound.samples else 'it holds no samples')
    except Exception as error:  # whatever a decoder raises on a broken file
        sound.error = _one_line(error)
    return sound


def _cut_off(path: str) -> str:
    """Why a WAV file is not whole: libsndfile takes what is there. Empty if it is."""
    with open(path, 'rb') as file:
        head = file.read(8)
    if len(head) < 8 or head[:4] != b'RIFF':
        return ''
    (promised,) = struct.unpack('<I', head[4:])
    present = os.path.getsize(path) - 8
    if promised in UNKNOWN_SIZES or present >= promised - 1:  # the last byte may be for evenness
        return ''
    return f'it is cut off: {present + 8} bytes are there, its header promises {promised + 8}'


def read_logmel(path: str, fast: bool) -> LogMel:
    """Read stored log-mel examples, or their header."""
    logmel = LogMel(path, missing=not os.path.isfile(path))
    if logmel.missing:
        return logmel
    try:
        values = np.load(path, mmap_mode='r' if fast else None, allow_pickle=False)
        if not isinstance(values, np.ndarray):
            logmel.error = f'it holds a {type(values).__name__}'
            return logmel
        logmel.shape, logmel.dtype = values.shape, values.dtype.name
        logmel.values = None if fast else values
    except Exception as error:  # whatever numpy raises on a broken file
        logmel.error = _one_line(error)
    return logmel


def digest(values: np.ndarray | None) -> bytes | None:
    """16 bytes that tell contents apart; None for what is not there or all of one value."""
    if values is None or not values.size:
        return None
    first = values[0, 0] if values.ndim == 3 else values.flat[0]
    if (values == first).all():
        return None
    name = f'{values.shape}{values.dtype.str}'.encode()
    return hashlib.blake2b(
        np.ascontiguousarray(values).data, digest_size=16, key=name[:64]
    ).digest()


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split()) or type(error).__name__

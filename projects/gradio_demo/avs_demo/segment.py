# Copyright (c) mmavs developers. All rights reserved.
"""From a visitor's clip to what the page shows."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmavs.apis import AVSInferencer
from mmavs.apis.clip_stream import MediaReader
from mmavs.apis.folder_run import segment_to_folder
from mmavs.apis.result_writer import read_mask

from .charts import draw_areas, draw_spectrogram
from .media import OWN, Limits, heard_with, open_upload
from .models import Protocol


@dataclass
class Shown:
    """What the page shows.

    Attributes:
        overlay (Path): Video with its masks and the sound that the model heard.
        spectrogram (ndarray): Picture of that sound.
        areas (ndarray): Picture of how much is marked over time.
        archive (Path): ZIP of the masks and ``results.json``.
        text (str): What came out, in Markdown.
    """

    overlay: Path
    spectrogram: np.ndarray
    areas: np.ndarray
    archive: Path
    text: str


def segment(
    inferencer: AVSInferencer,
    clip: str | Path | None,
    sound: str,
    other: str | Path | None,
    protocol: Protocol,
    folder: Path,
    limits: Limits,
) -> Shown:
    """Segment a clip, heard as asked for.

    Heard with another sound than its own, it is segmented with its own as well, so that the two can
    be compared.

    Args:
        inferencer (AVSInferencer): The model.
        clip (str | Path, optional): Video that the visitor gave.
        sound (str): One of :data:`avs_demo.media.SOUNDS`.
        other (str | Path, optional): Video whose sound is heard, where it is another clip's.
        protocol (Protocol): How the clip is cut.
        folder (Path): Where the results go.
        limits (Limits): What is taken.

    Returns:
        Shown: For the page.

    Raises:
        MediaError: If a clip cannot be used.
    """
    media = open_upload(clip, limits)
    heard = heard_with(media, sound, open_upload(other, limits) if other else None)
    chosen, curves = {OWN: media, sound: heard}, {}
    for name, source in chosen.items():
        place = folder / ('own' if name == OWN else 'changed')
        curves[name] = _run(inferencer, source, place, protocol, overlay=name == sound)
    place = folder / ('own' if sound == OWN else 'changed')
    return Shown(
        overlay=place / 'overlay.mp4',
        spectrogram=draw_spectrogram(heard),
        areas=draw_areas(curves),
        archive=_pack(place, folder / f'{Path(media.info.path).stem}_masks.zip'),
        text=_sentence(curves, sound, folder),
    )


def _run(
    inferencer: AVSInferencer, media: MediaReader, folder: Path, protocol: Protocol, overlay: bool
) -> tuple[list[float], list[float]]:
    """Segment into a folder; times, and shares that are marked."""
    preprocess = dict(fps=protocol.fps, clip_frames=protocol.clip_frames)
    paths = segment_to_folder(inferencer, media, folder, overlay=overlay, preprocess=preprocess)
    frames = json.loads(Path(paths['results']).read_text())['frames']
    return [frame['time'] for frame in frames], [frame['area'] for frame in frames]


def _pack(folder: Path, archive: Path) -> Path:
    """Masks and records in one file, without the places of files on this machine."""
    results = json.loads((folder / 'results.json').read_text())
    for key in ('config', 'checkpoint'):
        results[key] = results[key] and Path(results[key]).name
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('results.json', json.dumps(results, indent=2))
        for mask in sorted((folder / 'masks').glob('*.png')):
            file.write(mask, f'masks/{mask.name}')
    return archive


def _sentence(curves: dict[str, tuple[list[float], list[float]]], sound: str, folder: Path) -> str:
    means = {name: 100 * float(np.mean(areas)) for name, (_, areas) in curves.items()}
    text = f'{len(curves[OWN][0])} frames. Marked on average: **{means[OWN]:.2f} %** with {OWN}'
    if sound == OWN:
        return f'{text}. Choose another sound to see whether the model listens.'
    shared = overlap(folder / 'own/masks', folder / 'changed/masks')
    return (
        f'{text}, **{means[sound]:.2f} %** with {sound}. The masks share **{100 * shared:.0f} %** '
        'of what either marks; of a model that does not listen it would be 100 %.'
    )


def overlap(first: Path, second: Path) -> float:
    """IoU of the masks in two folders, over all frames together; 1 if nothing is marked in either.

    Args:
        first (Path): Folder of PNGs.
        second (Path): Another, with the same names; of several classes each pixel must agree.

    Returns:
        float: In [0, 1].
    """
    common = either = 0
    for path in first.glob('*.png'):
        one, two = read_mask(path), read_mask(second / path.name)
        common += int(((one == two) & (one > 0)).sum())
        either += int(((one > 0) | (two > 0)).sum())
    return common / either if either else 1.0

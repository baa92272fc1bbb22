# Copyright (c) mmavs developers. All rights reserved.
"""A clip as one picture: frames, ground truth, prediction, and the sound under them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.visualization import Visualizer
from PIL import Image
from torch import Tensor

from mmavs.registry import VISUALIZERS
from mmavs.structures import IGNORE_INDEX, AVSDataSample
from mmavs.utils.timing import FRAME_POSITION

from .clip_figure import CELL_LIMITS, ClipFigure
from .drawing import overlay_labels, resize_image, resize_labels

DEFAULT_PALETTE = ((0, 0, 0), (230, 60, 60))
"""tuple: Background and sounding object, where no data set gives its colours."""


@VISUALIZERS.register_module()
class AVSLocalVisualizer(Visualizer):
    """Draw clips and hand the pictures to the back ends.

    The picture has a row of frames with their times, a row of ground truth and one of predictions,
    painted over the frames, and the spectrogram under them: each frame of a clip, one a second,
    stands over its second of the sound. What is missing (ground truth, prediction, sound) gets no
    row; frames without a mask and frames that only pad the clip are marked.

    Args:
        name (str): Of the instance. Defaults to ``'visualizer'``.
        vis_backends (list, optional): Configs of back ends. Defaults to None.
        save_dir (str, optional): Where back ends write. Defaults to None.
        classes (Sequence[str], optional): Defaults to those of ``dataset_meta``.
        palette (Sequence, optional): RGB of the classes. Defaults to that of ``dataset_meta``, or
            red for the sounding object of a binary task.
        opacity (float): Of the masks, in [0, 1]. Defaults to 0.5.
        max_width (int): Of the picture, in pixels; cells shrink to it. Defaults to 1600.
        **kwargs (Any): See :class:`mmengine.visualization.Visualizer`.

    Examples:
        >>> visualizer = AVSLocalVisualizer(save_dir='work_dirs/pictures')
        >>> visualizer.add_datasample('clip', frames, data_sample, audio, 16000)
    """

    def __init__(
        self,
        name: str = 'visualizer',
        vis_backends: list[dict] | None = None,
        save_dir: str | None = None,
        classes: Sequence[str] | None = None,
        palette: Sequence[Sequence[int]] | None = None,
        opacity: float = 0.5,
        max_width: int = 1600,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, vis_backends=vis_backends, save_dir=save_dir, **kwargs)
        if not 0 <= opacity <= 1:
            raise ValueError(f'opacity must lie in [0, 1], got {opacity}.')
        self.opacity = opacity
        self.max_width = max_width
        self._classes = classes
        self._palette = palette

    @property
    def classes(self) -> Sequence[str]:
        """Sequence[str]: Names of the classes, empty if unknown."""
        return self._classes or (self.dataset_meta or {}).get('classes') or ()

    @property
    def palette(self) -> Sequence[Sequence[int]]:
        """Sequence: RGB of the classes."""
        return self._palette or (self.dataset_meta or {}).get('palette') or DEFAULT_PALETTE

    @master_only
    def add_datasample(
        self,
        name: str,
        frames: np.ndarray | Tensor | Sequence[np.ndarray],
        data_sample: AVSDataSample | None = None,
        audio: np.ndarray | Tensor | None = None,
        sample_rate: int | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | Path | None = None,
        step: int = 0,
        store: bool = True,
    ) -> None:
        """Draw a clip; show it, write it to ``out_file`` or else to the back ends.

        Args:
            name (str): Of the picture.
            frames (ndarray | Tensor | Sequence): T frames, (H, W, 3) uint8 RGB each, or a tensor
                (T, 3, H, W).
            data_sample (AVSDataSample, optional): Ground truth, prediction, flags. Its
                ``frame_times`` (seconds) or else ``frame_indices`` say when the frames are.
            audio (ndarray | Tensor, optional): (C, S) waveform of the whole clip, or log-mel
                examples (T, C, 96, 64) of the frames.
            sample_rate (int, optional): Of a waveform, in Hz. Defaults to 16000.
            draw_gt (bool): Whether to draw ground truth. Defaults to True.
            draw_pred (bool): Whether to draw predictions. Defaults to True.
            show (bool): Whether to open a window. Defaults to False.
            wait_time (float): Seconds that the window stays, 0: until a key. Defaults to 0.
            out_file (str | Path, optional): Defaults to None.
            step (int): For the back ends. Defaults to 0.
            store (bool): Whether the back ends get the picture. Defaults to True.

        Raises:
            ValueError: If frames and data sample differ in number, or there are no frames.
        """
        picture = self.draw_clip(
            name, frames, data_sample, audio, sample_rate, draw_gt=draw_gt, draw_pred=draw_pred
        )
        self.set_image(picture)
        if show:
            self.show(picture, win_name=name, wait_time=wait_time)
        if out_file is not None:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(out_file)
        elif store:
            # LocalVisBackend makes a file name of it; a folder of that name does not exist.
            self.add_image(name.replace('/', '_'), picture, step)

    def draw_clip(
        self,
        name: str,
        frames: np.ndarray | Tensor | Sequence[np.ndarray],
        data_sample: AVSDataSample | None = None,
        audio: np.ndarray | Tensor | None = None,
        sample_rate: int | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
    ) -> np.ndarray:
        """The picture of a clip, as :meth:`add_datasample` writes it.

        Returns:
            ndarray: (H, W, 3) uint8 RGB.
        """
        return self._figure_of(
            name, as_images(frames), data_sample, audio, sample_rate, draw_gt, draw_pred
        ).render()

    def _figure_of(
        self,
        name: str,
        images: list[np.ndarray],
        data_sample: AVSDataSample | None = None,
        audio: np.ndarray | Tensor | None = None,
        sample_rate: int | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        largest: int = CELL_LIMITS[1],
    ) -> ClipFigure:
        """What :meth:`draw_clip` draws, so that more can be put under it."""
        sample = AVSDataSample() if data_sample is None else data_sample
        _check_length(name, len(images), sample)
        figure = ClipFigure(len(images), images[0].shape[:2], self.max_width, largest)
        figure.add_title(name, self._legend(sample))
        figure.add_times(times_of(sample, len(images), audio))
        self._add_rows(figure, images, sample, draw_gt, draw_pred)
        if audio is not None:
            indices = sample.metainfo.get('frame_indices', range(len(images)))
            clip_length = sample.metainfo.get('num_clip_frames', len(images))
            audio = audio.detach().cpu().numpy() if isinstance(audio, Tensor) else audio
            figure.add_sound(audio, sample_rate or 16000, list(indices), clip_length)
        return figure

    def _add_rows(
        self,
        figure: ClipFigure,
        images: list[np.ndarray],
        sample: AVSDataSample,
        draw_gt: bool,
        draw_pred: bool,
    ) -> None:
        """Frames, and ground truth and predictions as far as they are known."""
        images = [resize_image(image, figure.cell) for image in images]
        valid = flags_of(sample, 'frame_valid', len(images))
        padding = [None if flag else 'padding' for flag in valid]
        figure.add_row('Frames', images, padding)
        if draw_gt and 'gt_sem_seg' in sample:
            annotated = flags_of(sample, 'frame_annotated', len(images))
            notes = [
                note or (None if flag else 'no mask') for note, flag in zip(padding, annotated)
            ]
            figure.add_row('Ground\ntruth', self._paint(images, sample.gt_sem_seg.data), notes)
        if draw_pred and 'pred_sem_seg' in sample:
            figure.add_row('Prediction', self._paint(images, sample.pred_sem_seg.data), padding)

    def _paint(self, images: list[np.ndarray], labels: Tensor) -> list[np.ndarray]:
        size = images[0].shape[1::-1]
        return [
            overlay_labels(image, resize_labels(label, size), self.palette, self.opacity)
            for image, label in zip(images, labels.cpu().numpy())
        ]

    def _legend(self, sample: AVSDataSample) -> list[tuple[str, Sequence[int]]]:
        """Name and colour of the classes that the clip shows, background apart."""
        found: set[int] = set()
        for field in ('gt_sem_seg', 'pred_sem_seg'):
            if field in sample:
                found |= set(torch.unique(sample.get(field).data).tolist())
        return [
            (self.classes[label] if label < len(self.classes) else str(label), self.palette[label])
            for label in sorted(found - {0, IGNORE_INDEX})
        ]


def as_images(frames: np.ndarray | Tensor | Sequence[np.ndarray]) -> list[np.ndarray]:
    """T frames as (H, W, 3) uint8 RGB, whatever they come as.

    Raises:
        ValueError: If there are none, or they are of another type or shape.
    """
    if isinstance(frames, Tensor):
        frames = frames.permute(0, 2, 3, 1).cpu().numpy()
    images = [np.ascontiguousarray(frame) for frame in frames]
    if not images:
        raise ValueError('There are no frames to draw.')
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                f'Frames to draw are (H, W, 3) uint8 RGB, got {image.dtype} of shape {image.shape}.'
            )
    return images


def _check_length(name: str, count: int, sample: AVSDataSample) -> None:
    for field in ('gt_sem_seg', 'pred_sem_seg'):
        if field in sample and len(sample.get(field).data) < count:
            raise ValueError(
                f'{name}: there are {count} frames, but {field} has {len(sample.get(field).data)}.'
            )


def flags_of(sample: AVSDataSample, field: str, count: int) -> list[bool]:
    """The flags of T frames; True where the sample does not have them."""
    return sample.get(field).tolist() if field in sample else [True] * count


def times_of(sample: AVSDataSample, count: int, audio: np.ndarray | Tensor | None) -> list[str]:
    """When the frames are, one a second in a clip with a waveform; else their numbers."""
    if 'frame_times' in sample.metainfo:
        return [f'{time:.2f} s' for time in sample.metainfo['frame_times']]
    indices = sample.metainfo.get('frame_indices', range(count))
    if audio is None or audio.ndim != 2:
        return [f'frame {index}' for index in indices]
    return [f'{index + FRAME_POSITION:.2f} s' for index in indices]

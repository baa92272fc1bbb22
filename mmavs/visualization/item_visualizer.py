# Copyright (c) mmavs developers. All rights reserved.
"""What a pipeline gives for one clip, as one picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mmavs.registry import VISUALIZERS
from mmavs.structures import AVSDataSample

from .clip_figure import ClipFigure
from .drawing import overlay_labels, resize_image, resize_labels
from .local_visualizer import AVSLocalVisualizer, as_images, flags_of, times_of

DEFAULT_RATE = 16000


@VISUALIZERS.register_module()
class AVSItemVisualizer(AVSLocalVisualizer):
    """Draw packed items: frames, masks, Maskiges, waveform and log-mel, and what is known of them.

    Under the name stands what is known of the clip (split, subset, whose sound under which
    condition, flip). The rows are the frames and masks as they are on disk, where these are given,
    then those of the pipeline. A clip has its sound in time with the frames; under a picture (one
    frame) stands all of the sound.

    Args:
        name (str): Of the instance. Defaults to ``'visualizer'``.
        frontend (nn.Module, optional): The model's ``LogMelFrontend``, whose log-mel is drawn.
            Without it a spectrogram is. Defaults to None.
        **kwargs (Any): See :class:`AVSLocalVisualizer`.
    """

    def __init__(
        self, name: str = 'visualizer', frontend: nn.Module | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.frontend = frontend

    def draw_item(
        self,
        name: str,
        item: Mapping[str, Any] | None = None,
        original: Mapping[str, Any] | None = None,
    ) -> np.ndarray:
        """The picture of an item.

        Args:
            name (str): Of the picture.
            item (Mapping, optional): What the pipeline gives: ``inputs`` and ``data_samples``.
            original (Mapping, optional): The same frames, packed as they are on disk.

        Returns:
            np.ndarray: (H, W, 3) uint8 RGB.

        Raises:
            ValueError: If there is neither.
        """
        shown = [entry for entry in (original, item) if entry is not None]
        if not shown:
            raise ValueError(f'There is nothing to draw of {name}: give item, original or both.')
        inputs, sample = shown[-1]['inputs'], shown[-1]['data_samples']
        images = as_images(inputs['imgs'])
        figure = ClipFigure(len(images), images[0].shape[:2], self.max_width)
        audio = inputs['audio'].numpy()
        figure.add_title(name, self._legend_of(shown))
        figure.add_facts(describe_item(sample, inputs, self.classes))
        if sample.metainfo.get('num_clip_frames', len(images)) > 1:
            figure.add_times(times_of(sample, len(images), audio))
        for entry in shown:
            self._add_pictures(figure, entry, 'On disk' if entry is original else 'Frames')
        self._add_audio(figure, audio, sample)
        return figure.render()

    def _legend_of(self, entries: list[Mapping[str, Any]]) -> list[tuple[str, Any]]:
        classes = {}
        for entry in entries:
            classes.update(self._legend(entry['data_samples']))
        return list(classes.items())

    def _add_pictures(self, figure: ClipFigure, entry: Mapping[str, Any], label: str) -> None:
        """Frames, masks and Maskiges."""
        inputs, sample = entry['inputs'], entry['data_samples']
        images = [resize_image(image, figure.cell) for image in as_images(inputs['imgs'])]
        valid = flags_of(sample, 'frame_valid', len(images))
        padding = [None if flag else 'padding' for flag in valid]
        figure.add_row(label, images, padding)
        if 'gt_sem_seg' in sample:
            annotated = flags_of(sample, 'frame_annotated', len(images))
            notes = [
                note or (None if flag else 'no mask') for note, flag in zip(padding, annotated)
            ]
            painted = [
                overlay_labels(image, resize_labels(mask, figure.cell), self.palette, self.opacity)
                for image, mask in zip(images, sample.gt_sem_seg.data.numpy())
            ]
            figure.add_row('Masks', painted, notes)
        if 'maskige' in inputs:
            maskiges = [resize_image(image, figure.cell) for image in as_images(inputs['maskige'])]
            figure.add_row('Maskige', maskiges, padding)

    def _add_audio(self, figure: ClipFigure, audio: np.ndarray, sample: AVSDataSample) -> None:
        """Waveform, and log-mel or spectrogram; of a picture all of it."""
        count = len(sample.frame_valid)
        indices = list(sample.metainfo.get('frame_indices', range(count)))
        length = sample.metainfo.get('num_clip_frames', count)
        rate = sample.metainfo.get('sample_rate', DEFAULT_RATE)
        if audio.ndim == 4:  # log-mel, one example a frame
            figure.add_sound(audio, rate, indices, length)
            return
        whole = length == 1
        figure.add_waveform(audio, rate, indices, length, whole)
        if self.frontend is None:
            figure.add_sound(audio, rate, indices, length, whole)
            return
        waveform = torch.from_numpy(audio)
        if whole:
            log_mel = self.frontend.compress(self.frontend.mel_magnitude(waveform)).numpy()
            figure.add_log_mel(log_mel, audio.shape[-1] / rate, indices, whole)
        else:
            wanted = torch.tensor([indices])
            figure.add_sound(
                self.frontend(waveform[None], length, wanted)[0].numpy(), rate, indices, length
            )


def describe_item(
    sample: AVSDataSample, inputs: Mapping[str, Any], classes: Sequence[str] = ()
) -> list[str]:
    """What is known of an item.

    Args:
        sample (AVSDataSample): With its metainfo.
        inputs (Mapping): With ``imgs`` and ``audio``.
        classes (Sequence[str]): Names of the classes, to say which are labelled. Defaults to ().
    """
    meta = sample.metainfo
    height, width = inputs['imgs'].shape[-2:]
    facts = [str(meta[key]) for key in ('split', 'subset', 'partition') if meta.get(key)]
    if meta.get('ori_shape'):
        facts.append(f'{meta["ori_shape"][1]}x{meta["ori_shape"][0]} to {width}x{height}')
    audio = inputs['audio']
    if audio.ndim == 2:
        channels = {1: 'mono', 2: 'stereo'}.get(len(audio), f'{len(audio)} channels')
        rate = meta.get('sample_rate', DEFAULT_RATE)
        facts.append(f'{channels}, {rate} Hz, {audio.shape[-1] / rate:.2f} s')
    else:
        facts.append('log-mel examples')
    condition = meta.get('audio_condition', 'original')
    if condition != 'original':
        facts.append(f'sound: {condition}')
    if meta.get('audio_clip_id', meta.get('clip_id')) != meta.get('clip_id'):
        facts.append(f'sound of {meta["audio_clip_id"]}')
    # The labels may be of other categories than the masks', as S4's are.
    if classes and len(sample.get('gt_audio_labels', ())) == len(classes):
        labels = torch.nonzero(sample.gt_audio_labels).flatten().tolist()
        names = [classes[label] for label in labels if label]
        facts.append(f'labels: {", ".join(names) or "background alone"}')
    if isinstance(meta.get('flip'), bool) and meta['flip']:
        facts.append(f'flipped ({meta.get("flip_direction")})')
    return facts

# Copyright (c) mmavs developers. All rights reserved.
"""From the results of a pipeline to what a model takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from torch import Tensor

from mmavs.registry import TRANSFORMS
from mmavs.structures import IGNORE_INDEX, AVSDataSample
from mmavs.utils.picture_io import stack_planes


@TRANSFORMS.register_module()
class PackAVSInputs(BaseTransform):
    """Pack a clip.

    Required keys: ``imgs``, ``audio``; for training and testing ``gt_seg_maps`` and ``mask_paths``;
    optional ``maskiges``, ``masks_fit`` (False: masks may have another size than the frames),
    ``num_classes`` and ``sounding_classes`` (list of ids), with ``num_audio_classes`` where these
    are not the classes of the masks.

    Gives:

    - ``inputs``: ``imgs`` (T, 3, H, W) uint8, ``audio`` (C, S) or (T, C, 96, 64) float32, and,
      where there are Maskiges, ``maskige`` (T, 3, H, W) uint8.
    - ``data_samples`` (:class:`AVSDataSample`): ``gt_sem_seg`` (T, H', W') int64 (absent without
      ``gt_seg_maps``), ``frame_valid`` and ``frame_annotated`` (T,) bool, and the meta keys; where
      there are ``num_audio_classes`` or ``num_classes``, ``gt_audio_labels`` of as many floats: 1
      for the ``sounding_classes``, or without them for what the annotated masks show, background
      included.

    Args:
        meta_keys (Sequence[str]): Keys that go into the sample's metainfo where the results have
            them.
    """

    META_KEYS = (
        'clip_id',
        'category',
        'img_paths',
        'split',
        'subset',
        'partition',
        'audio_path',
        'audio_condition',
        'audio_clip_id',
        'ori_shape',
        'img_shape',
        'frame_indices',
        'num_clip_frames',
        'sample_rate',
        'flip',
        'flip_direction',
    )

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack the results.

        Raises:
            ValueError: If frames or audio are missing, differ in size, or do not fit together.
        """
        for key, loader in (
            ('imgs', 'LoadClipFrames'),
            ('audio', 'LoadClipAudio or LoadClipLogMel'),
        ):
            if key not in results:
                raise ValueError(f'The results have no "{key}": put {loader} before PackAVSInputs.')
        imgs = stack_pictures(results['imgs'], 'imgs')
        audio = torch.from_numpy(np.ascontiguousarray(results['audio'], dtype=np.float32))
        num_frames = len(imgs)
        if audio.ndim == 4 and len(audio) != num_frames:
            raise ValueError(
                f'The clip has {num_frames} frames, but {len(audio)} log-mel examples; expected '
                'one a frame.'
            )
        meta = {key: results[key] for key in self.meta_keys if key in results}
        sample = AVSDataSample(metainfo=meta)
        sample.frame_valid = torch.ones(num_frames, dtype=torch.bool)
        sample.frame_annotated = torch.zeros(num_frames, dtype=torch.bool)
        inputs = dict(imgs=imgs, audio=audio)
        if 'maskiges' in results:
            inputs['maskige'] = self._pack_maskiges(results['maskiges'], imgs)
        if 'gt_seg_maps' in results:
            masks = stack_frames(results['gt_seg_maps'], 'gt_seg_maps').long()
            fits = masks.shape[1:] == imgs.shape[2:] or not results.get('masks_fit', True)
            if len(masks) != num_frames or not fits:
                raise ValueError(
                    f'The frames are {tuple(imgs.shape)}, the masks {tuple(masks.shape)}: a '
                    'transform changed one and not the other.'
                )
            sample.gt_sem_seg = PixelData(data=masks)
            sample.frame_annotated = torch.tensor(
                [path is not None for path in results['mask_paths']]
            )
        sounding = self._sounding_classes(results, sample)
        if sounding is not None:
            columns = results.get('num_audio_classes', results.get('num_classes'))
            sample.gt_audio_labels = class_vector(sounding, columns)
        return dict(inputs=inputs, data_samples=sample)

    @staticmethod
    def _pack_maskiges(maskiges: Sequence[np.ndarray], imgs: Tensor) -> Tensor:
        packed = stack_pictures(maskiges, 'maskiges')
        if packed.shape != imgs.shape:
            raise ValueError(
                f'The frames are {tuple(imgs.shape)}, the Maskiges {tuple(packed.shape)}: a '
                'transform changed one and not the other.'
            )
        return packed

    @staticmethod
    def _sounding_classes(results: dict[str, Any], sample: AVSDataSample) -> Sequence[int] | None:
        if 'num_audio_classes' in results:
            return results['sounding_classes']
        if 'num_classes' not in results:
            return None
        if 'sounding_classes' in results:
            return results['sounding_classes']
        if 'gt_sem_seg' not in sample:
            return None
        present = sample.gt_sem_seg.data[sample.frame_annotated].unique()
        return present[present != IGNORE_INDEX].tolist()

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'


def class_vector(classes: Sequence[int], num_classes: int) -> Tensor:
    """(num_classes,) float: 1 for the classes, 0 for the others.

    Raises:
        ValueError: If a class is out of range.
    """
    wrong = [index for index in classes if not 0 <= index < num_classes]
    if wrong:
        raise ValueError(f'Class {wrong[0]} sounds, but the classes are 0 to {num_classes - 1}.')
    vector = torch.zeros(num_classes)
    vector[list(classes)] = 1
    return vector


def stack_pictures(frames: Sequence[np.ndarray], name: str) -> Tensor:
    """Stack T (H, W, 3) arrays of one shape to (T, 3, H, W).

    Raises:
        ValueError: If the shapes differ.
    """
    check_shapes(frames, name)
    if frames[0].dtype == np.uint8 and frames[0].shape[2] == 3:
        return stack_planes(frames)
    return stack_frames(frames, name).permute(0, 3, 1, 2).contiguous()


def stack_frames(frames: Sequence[np.ndarray], name: str) -> Tensor:
    """Stack arrays of one shape, e.g. T (H, W) to (T, H, W).

    Raises:
        ValueError: If the shapes differ.
    """
    check_shapes(frames, name)
    return torch.from_numpy(np.stack(frames))


def check_shapes(frames: Sequence[np.ndarray], name: str) -> None:
    """Refuse frames of several shapes.

    Raises:
        ValueError: If the shapes differ.
    """
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1:
        raise ValueError(
            f'The {name} of one clip have the shapes {sorted(shapes)}, expected one. Geometry must '
            'be shared by all frames: ClipBroadcaster(share_random_params=True).'
        )

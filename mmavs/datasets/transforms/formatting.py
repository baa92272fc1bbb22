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
from mmavs.structures import AVSDataSample


@TRANSFORMS.register_module()
class PackAVSInputs(BaseTransform):
    """Pack a clip.

    Required keys: ``imgs``, ``audio``; for training and testing ``gt_seg_maps`` and ``mask_paths``.

    Gives:

    - ``inputs``: ``imgs`` (T, 3, H, W) uint8 and ``audio`` (C, S) or (T, C, 96, 64) float32.
    - ``data_samples`` (:class:`AVSDataSample`): ``gt_sem_seg`` (T, H, W) int64 (absent without
      ``gt_seg_maps``), ``frame_valid`` and ``frame_annotated`` (T,) bool, and the meta keys.

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
        imgs = stack_frames(results['imgs'], 'imgs').permute(0, 3, 1, 2).contiguous()
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
        if 'gt_seg_maps' in results:
            masks = stack_frames(results['gt_seg_maps'], 'gt_seg_maps').long()
            if len(masks) != num_frames or masks.shape[1:] != imgs.shape[2:]:
                raise ValueError(
                    f'The frames are {tuple(imgs.shape)}, the masks {tuple(masks.shape)}: a '
                    'transform changed one and not the other.'
                )
            sample.gt_sem_seg = PixelData(data=masks)
            sample.frame_annotated = torch.tensor(
                [path is not None for path in results['mask_paths']]
            )
        return dict(inputs=dict(imgs=imgs, audio=audio), data_samples=sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'


def stack_frames(frames: Sequence[np.ndarray], name: str) -> Tensor:
    """Stack arrays of one shape, e.g. T (H, W, 3) to (T, H, W, 3).

    Raises:
        ValueError: If the shapes differ.
    """
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1:
        raise ValueError(
            f'The {name} of one clip have the shapes {sorted(shapes)}, expected one. Geometry must '
            'be shared by all frames: ClipBroadcaster(share_random_params=True).'
        )
    return torch.from_numpy(np.stack(frames))

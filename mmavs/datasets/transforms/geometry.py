# Copyright (c) mmavs developers. All rights reserved.
"""Changes of size that mmcv and mmseg do not have."""

from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform, Resize

from mmavs.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ResizeShortSide(Resize):
    """Give the short side of a frame and its mask a length; for use inside ClipBroadcaster.

    The long side becomes ``int(long * length / short)``, as in the official AVSS loader: rounded
    down, where mmcv's ``Resize(keep_ratio=True)`` rounds to the nearest. With mmcv's ``CenterCrop``
    behind it, the pixels are the official ones.

    Required keys: ``img``, ``gt_seg_map`` (optional).

    Modified keys: the same, ``img_shape``. Added keys: ``scale``, ``scale_factor``, ``keep_ratio``.

    Args:
        length (int): Of the short side, in pixels.
        backend (str): ``'pillow'`` (bilinear with antialiasing, as official) or ``'cv2'``. Defaults
            to ``'pillow'``.

    Raises:
        ValueError: If the length is below 1.
    """

    def __init__(self, length: int, backend: str = 'pillow') -> None:
        if length < 1:
            raise ValueError(f'length must be at least 1, got {length}.')
        super().__init__(scale=(length, length), backend=backend)
        self.length = length

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize one frame."""
        height, width = results['img'].shape[:2]
        long = int(max(height, width) * self.length / min(height, width))
        self.scale = (self.length, long) if width < height else (long, self.length)
        return super().transform(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(length={self.length}, backend={self.backend!r})'


@TRANSFORMS.register_module()
class SquareClip(BaseTransform):
    """Squash each frame, mask and Maskige to a square as wide as its short side.

    VCT's first step on AVSS training clips, before anything random. Not for ClipBroadcaster: frames
    are resized with bilinear interpolation, masks and Maskiges by nearest, all with Pillow.

    Required and modified keys: ``imgs``, ``gt_seg_maps`` (optional), ``maskiges`` (optional).
    Modified key: ``img_shape``.
    """

    INTERPOLATIONS = dict(imgs='bilinear', gt_seg_maps='nearest', maskiges='nearest')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Squash the pictures.

        Raises:
            ValueError: If the frames are not loaded yet.
        """
        if 'imgs' not in results:
            raise ValueError('The clip has no frames: put LoadClipFrames before SquareClip.')
        for key, interpolation in self.INTERPOLATIONS.items():
            if key in results:
                results[key] = [self._squash(picture, interpolation) for picture in results[key]]
        results['img_shape'] = results['imgs'][0].shape[:2]
        return results

    @staticmethod
    def _squash(picture: np.ndarray, interpolation: str) -> np.ndarray:
        side = min(picture.shape[:2])
        return mmcv.imresize(picture, (side, side), interpolation=interpolation, backend='pillow')

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'

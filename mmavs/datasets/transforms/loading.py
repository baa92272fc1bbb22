# Copyright (c) mmavs developers. All rights reserved.
"""Frames and masks of a clip, from picture files."""

import struct
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from mmavs.registry import TRANSFORMS
from mmavs.structures import IGNORE_INDEX


@TRANSFORMS.register_module()
class LoadClipFrames(BaseTransform):
    """Read the frames of a clip with Pillow, as RGB.

    Required keys: ``img_paths`` (list of T str).

    Added keys: ``imgs`` (list of T (H, W, 3) uint8 arrays, RGB), ``ori_shape`` and ``img_shape``
    (H, W).
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the frames.

        Raises:
            FileNotFoundError: If a frame is missing.
            ValueError: If a frame cannot be decoded, or differs in size from the first.
        """
        paths = results['img_paths']
        imgs = [read_picture(path, 'RGB') for path in paths]
        for path, img in zip(paths, imgs):
            if img.shape != imgs[0].shape:
                raise ValueError(
                    f'The frames of a clip must have one size: {paths[0]} is {_size(imgs[0])}, '
                    f'{path} is {_size(img)}. Extract the frames of the clip again.'
                )
        results['imgs'] = imgs
        results['ori_shape'] = results['img_shape'] = imgs[0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class LoadClipMasks(BaseTransform):
    """Read the binary masks of a clip: 1 where the picture, as grey values, is above 0.

    On the official files (one channel, 0 and 255) that equals ``convert('1')`` (S4) and
    ``convert('P')`` (MS3) of the official loaders, which would read RGB and palette masks wrong.
    Frames without a mask get a plane of 255 (ignored).

    Required keys: ``imgs``, ``img_paths``, ``mask_paths`` (list of T str or None).

    Added keys: ``gt_seg_maps`` (list of T (H, W) uint8 arrays of 0, 1 and 255).
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the masks.

        Raises:
            FileNotFoundError: If a mask is missing.
            ValueError: If a mask cannot be decoded or differs in size from its frame, or the frames
                are not loaded yet.
        """
        if 'imgs' not in results:
            raise ValueError(
                'LoadClipMasks compares masks with frames: put LoadClipFrames before it.'
            )
        results['gt_seg_maps'] = [
            self._read_mask(mask_path, img_path, img)
            for mask_path, img_path, img in zip(
                results['mask_paths'], results['img_paths'], results['imgs'], strict=True
            )
        ]
        return results

    def _read_mask(self, mask_path: str | None, img_path: str, img: np.ndarray) -> np.ndarray:
        if mask_path is None:
            return np.full(img.shape[:2], IGNORE_INDEX, dtype=np.uint8)
        mask = (read_picture(mask_path, 'L') > 0).astype(np.uint8)
        if mask.shape != img.shape[:2]:
            raise ValueError(
                f'The mask {mask_path} is {_size(mask)}, its frame {img_path} is {_size(img)}. '
                'They must have one size; the official frames and masks are 224x224.'
            )
        return mask

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def read_picture(path: str, mode: str) -> np.ndarray:
    """Decode one PNG or JPEG file.

    Args:
        path (str): The file.
        mode (str): Pillow mode to convert to: ``'RGB'`` or ``'L'``.

    Returns:
        np.ndarray: (H, W, 3) or (H, W) uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no picture or is damaged.
    """
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert(mode))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'There is no picture {path}. The csv and the extracted files do not fit together.'
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        # What Pillow raises on files that are no picture, are cut off, or have a wrong checksum.
        raise ValueError(
            f'{path} is damaged or no picture: {error}. Extract or download it again.'
        ) from error


def _size(picture: np.ndarray) -> str:
    return f'{picture.shape[1]}x{picture.shape[0]} (width x height)'

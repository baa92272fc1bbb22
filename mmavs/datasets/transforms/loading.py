# Copyright (c) mmavs developers. All rights reserved.
"""Frames and masks of a clip, from picture files."""

import struct
import warnings
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from mmavs.datasets.avss_classes import colours_to_labels
from mmavs.registry import TRANSFORMS
from mmavs.structures import IGNORE_INDEX
from mmavs.utils.picture_io import decode_plain_png

SEMANTIC_KEYS = ('num_classes', 'label_source', 'label_map')


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
                    f'The frames of a clip must have one size: {paths[0]} is {size_text(imgs[0])}, '
                    f'{path} is {size_text(img)}. Extract the frames of the clip again.'
                )
        results['imgs'] = imgs
        results['ori_shape'] = results['img_shape'] = imgs[0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class LoadClipMasks(BaseTransform):
    """Read the masks of a clip; which kind they are, the item of the data set says.

    - Binary ones: 1 where the picture, as grey values, is above 0. On the official files (one
      channel, 0 and 255) that equals ``convert('1')`` (S4) and ``convert('P')`` (MS3) of the
      official loaders, which would read RGB and palette masks wrong.
    - Class ids, where the item has ``num_classes``, ``label_source`` or ``label_map``: one channel
      that holds the ids; or, with ``label_source='rgb'``, colours of :func:`voc_palette`, where a
      colour of no class becomes 0 with a warning that names the file. ``label_map`` then gives
      each id another one. 255 stays 255.

    Frames without a mask get a plane of 255 (ignored).

    Required keys: ``imgs``, ``img_paths``, ``mask_paths`` (list of T str or None); optional
    ``num_classes`` (int, ids are 0 to ``num_classes - 1``, without it 0 and 1), ``label_source``
    (``'semantic'`` or ``'rgb'``), ``num_colours`` (int, classes in the colours, ``num_classes``
    without it), ``label_map`` (256 integers: the label of each stored id; one that is neither a
    class nor 255 marks an id that must not occur).

    Added keys: ``gt_seg_maps`` (list of T (H, W) uint8 arrays), ``masks_fit`` (bool: whether masks
    and frames have one size).

    Args:
        same_size (bool): Whether a mask of another size than its frame is an error. False is for
            tests at the size of the masks: no transform may then change the geometry, the model
            resizes what it predicts. Defaults to True.
    """

    def __init__(self, same_size: bool = True) -> None:
        self.same_size = same_size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the masks.

        Raises:
            FileNotFoundError: If a mask is missing.
            ValueError: If a mask cannot be decoded, differs in size from its frame, or has values
                out of range, or the frames are not loaded yet.
        """
        if 'imgs' not in results:
            raise ValueError(
                'LoadClipMasks compares masks with frames: put LoadClipFrames before it.'
            )
        is_semantic = any(key in results for key in SEMANTIC_KEYS)
        read = read_labels if is_semantic else read_binary_mask
        masks = [path if path is None else read(path, results) for path in results['mask_paths']]
        if self.same_size:
            self._check_sizes(masks, results)
        shapes = [mask.shape for mask in masks if mask is not None and not self.same_size]
        unlabelled = np.full(
            shapes[0] if shapes else results['imgs'][0].shape[:2], IGNORE_INDEX, dtype=np.uint8
        )
        results['gt_seg_maps'] = [unlabelled.copy() if mask is None else mask for mask in masks]
        results['masks_fit'] = self.same_size
        return results

    @staticmethod
    def _check_sizes(masks: list[np.ndarray | None], results: dict[str, Any]) -> None:
        items = zip(
            masks, results['mask_paths'], results['img_paths'], results['imgs'], strict=True
        )
        for mask, mask_path, img_path, img in items:
            if mask is not None and mask.shape != img.shape[:2]:
                raise ValueError(
                    f'The mask {mask_path} is {size_text(mask)}, its frame {img_path} is '
                    f'{size_text(img)}. They must have one size; the official frames and masks of '
                    'the object sets are 224x224. LoadClipMasks(same_size=False) allows it where '
                    'no transform changes the geometry.'
                )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(same_size={self.same_size})'


def read_binary_mask(path: str, results: dict[str, Any] | None = None) -> np.ndarray:
    """(H, W) uint8: 1 where the picture, as grey values, is above 0."""
    return (read_picture(path, 'L') > 0).astype(np.uint8)


def read_labels(path: str, info: dict[str, Any]) -> np.ndarray:
    """Read class ids as :class:`LoadClipMasks` does.

    Args:
        path (str): The file.
        info (dict): ``num_classes``, ``label_source``, ``num_colours`` and ``label_map``, where the
            item has them.

    Returns:
        np.ndarray: (H, W) uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be decoded, or a value is out of range; names file, value, range.
    """
    num_classes = info.get('num_classes', 2)
    if info.get('label_source') == 'rgb':
        stored, stray = colours_to_labels(
            read_picture(path, 'RGB'), info.get('num_colours', num_classes)
        )
        if stray is not None:
            warnings.warn(
                f'{path} has a pixel of colour {tuple(stray)}, which is no class: such pixels '
                'become class 0 (background), as in the official loader.',
                stacklevel=2,
            )
    else:
        stored = read_picture(path, None)
        if stored.ndim != 2 or stored.dtype not in (np.uint8, np.bool_):
            raise ValueError(
                f'{path} is {stored.dtype} {stored.shape}, expected one channel of 8 bits with '
                "class ids. Colour masks need label_source='rgb' in the data set."
            )
        stored = stored.astype(np.uint8)
    labels = stored
    if info.get('label_map') is not None:
        label_map = np.asarray(info['label_map'])
        if label_map.shape != (256,):
            raise ValueError(f'label_map has the shape {label_map.shape}, expected 256 labels.')
        labels = label_map[stored]
    labels = np.where(stored == IGNORE_INDEX, IGNORE_INDEX, labels)
    wrong = (labels != IGNORE_INDEX) & ((labels < 0) | (labels >= num_classes))
    if wrong.any():
        allowed = f'0 to {num_classes - 1}'
        if info.get('label_map') is not None:
            allowed = f'one that label_map turns into {allowed}'
        raise ValueError(
            f'{path} has the value {stored[wrong][0]}, expected {allowed}, or {IGNORE_INDEX} (no '
            'label). The masks are of another benchmark, or painted otherwise.'
        )
    return labels.astype(np.uint8)


def read_picture(path: str, mode: str | None) -> np.ndarray:
    """Decode one PNG or JPEG file.

    Args:
        path (str): The file.
        mode (str | None): Pillow mode to convert to: ``'RGB'`` or ``'L'``; None keeps the stored
            values, of a palette picture the indices.

    Returns:
        np.ndarray: (H, W, 3) or (H, W) uint8; with None what the file has.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no picture or is damaged.
    """
    try:
        pixels = decode_plain_png(path, mode)
        if pixels is not None:
            return pixels
        with Image.open(path) as picture:
            return np.array(picture if mode is None else picture.convert(mode))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'There is no picture {path}. The csv and the extracted files do not fit together.'
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        # What Pillow raises on files that are no picture, are cut off, or have a wrong checksum.
        raise ValueError(
            f'{path} is damaged or no picture: {error}. Extract or download it again.'
        ) from error


def size_text(picture: np.ndarray) -> str:
    """Size of a picture for messages."""
    return f'{picture.shape[1]}x{picture.shape[0]} (width x height)'

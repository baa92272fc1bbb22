# Copyright (c) mmavs developers. All rights reserved.
"""A random crop of a clip that does not lose what sounds."""

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from torchvision.transforms import RandomResizedCrop

from mmavs.registry import TRANSFORMS
from mmavs.structures import IGNORE_INDEX

Box = tuple[int, int, int, int]
"""tuple[int, int, int, int]: Top, left, height, width, in pixels."""


@TRANSFORMS.register_module()
class RandomObjectCrop(BaseTransform):
    """Cut one rectangle out of all frames of a clip, if each frame keeps most of what sounds.

    The augmentation of DDESeg, whose pictures come with boxes (RAVS sheet, section 8). Here the box
    of a frame is that around all of its labelled objects, of every class; it is read off the mask.
    There is one try: where any frame would keep less than ``min_kept`` of the area of its box, the
    clip stays whole. Frames without objects or without a mask allow every crop. Not for
    ClipBroadcaster; put a resize behind it.

    Required and modified keys: ``imgs``, ``gt_seg_maps``, ``maskiges`` (optional). Modified key:
    ``img_shape``.

    Args:
        scale (tuple[float, float]): Range of the area of the crop, of that of the frame. Defaults
            to (0.5, 1.0).
        ratio (tuple[float, float]): Range of width by height, drawn evenly by its logarithm.
            Defaults to (0.75, 1.33).
        min_kept (float): Share of each frame's box that has to be inside. Defaults to 0.6.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        scale: tuple[float, float] = (0.5, 1.0),
        ratio: tuple[float, float] = (0.75, 1.33),
        min_kept: float = 0.6,
    ) -> None:
        for name, (low, high), limit in (('scale', scale, 1.0), ('ratio', ratio, np.inf)):
            if not 0 < low <= high <= limit:
                raise ValueError(
                    f'{name} of RandomObjectCrop is ({low}, {high}), expected 0 < low <= high'
                    + (' <= 1.' if limit == 1 else '.')
                )
        if not 0 <= min_kept <= 1:
            raise ValueError(f'min_kept of RandomObjectCrop is {min_kept}, expected 0 to 1.')
        self.scale = tuple(scale)
        self.ratio = tuple(ratio)
        self.min_kept = min_kept

    def draw(self, height: int, width: int) -> Box:
        """Draw a rectangle as torchvision's ``RandomResizedCrop`` does."""
        frame = torch.empty(1, height, width, device='meta')  # it reads the size only
        return RandomResizedCrop.get_params(frame, self.scale, self.ratio)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Crop the clip, or leave it.

        Raises:
            ValueError: If frames or masks are missing, or differ in size.
        """
        for key, loader in (('imgs', 'LoadClipFrames'), ('gt_seg_maps', 'LoadClipMasks')):
            if key not in results:
                raise ValueError(f'The clip has no {key}: put {loader} before RandomObjectCrop.')
        shape = results['imgs'][0].shape[:2]
        keys = [key for key in ('imgs', 'gt_seg_maps', 'maskiges') if key in results]
        shapes = {picture.shape[:2] for key in keys for picture in results[key]}
        if len(shapes) > 1:
            raise ValueError(
                f'Frames and masks of one clip have the sizes {sorted(shapes)}, but '
                'RandomObjectCrop cuts one rectangle out of all: resize them to one size before it.'
            )
        crop = top, left, height, width = self.draw(*shape)
        boxes = [object_box(mask) for mask in results['gt_seg_maps']]
        if all(box is None or kept_share(box, crop) >= self.min_kept for box in boxes):
            for key in keys:
                results[key] = [
                    np.ascontiguousarray(picture[top : top + height, left : left + width])
                    for picture in results[key]
                ]
            shape = (height, width)
        results['img_shape'] = shape
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.scale}, ratio={self.ratio}, '
            f'min_kept={self.min_kept})'
        )


def object_box(mask: np.ndarray) -> Box | None:
    """The smallest rectangle around all pixels (H, W) of an object; None if there are none."""
    objects = (mask > 0) & (mask != IGNORE_INDEX)
    rows, columns = objects.any(1).nonzero()[0], objects.any(0).nonzero()[0]
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    return top, left, int(rows[-1]) - top + 1, int(columns[-1]) - left + 1


def kept_share(box: Box, crop: Box) -> float:
    """Share of the area of a box that is inside a crop, 0 to 1."""
    sides = (
        max(0, min(box[i] + box[i + 2], crop[i] + crop[i + 2]) - max(box[i], crop[i]))
        for i in (0, 1)
    )
    return float(np.prod(list(sides)) / (box[2] * box[3]))

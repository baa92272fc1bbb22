# Copyright (c) mmavs developers. All rights reserved.
"""The official loaders' change of size, sooner."""

from typing import Any

from mmcv.transforms import Resize

from mmavs.registry import TRANSFORMS
from mmavs.utils.picture_io import resize_bilinear, resize_nearest


@TRANSFORMS.register_module()
class PillowResize(Resize):
    """mmcv's ``Resize(backend='pillow')`` with the same pixels, inside ClipBroadcaster.

    Frames are resized by :func:`resize_bilinear`, which leaves those that have the size alone and
    uses a faster kernel where its results are certain to be Pillow's; masks by
    :func:`resize_nearest`. ``keep_ratio`` and other interpolations are mmcv's as they are.

    Required keys: ``img``, ``gt_seg_map`` (optional).

    Modified keys: the same, ``img_shape``. Added keys: ``scale``, ``scale_factor``, ``keep_ratio``.

    Args:
        scale (int | tuple[int, int]): Width and height that are wanted.
        **kwargs (Any): Other arguments of :class:`mmcv.transforms.Resize`, but ``backend``.

    Raises:
        TypeError: If a backend is given.
    """

    def __init__(self, scale: int | tuple[int, int], **kwargs: Any) -> None:
        super().__init__(scale=scale, backend='pillow', **kwargs)

    def _resize_img(self, results: dict[str, Any]) -> None:
        if self.keep_ratio or self.interpolation != 'bilinear':
            super()._resize_img(results)
            return
        (height, width), (new_width, new_height) = results['img'].shape[:2], results['scale']
        results['img'] = resize_bilinear(results['img'], (new_width, new_height))
        results['img_shape'] = (new_height, new_width)
        results['scale_factor'] = (new_width / width, new_height / height)
        results['keep_ratio'] = False

    def _resize_seg(self, results: dict[str, Any]) -> None:
        mask = results.get('gt_seg_map')
        if self.keep_ratio or mask is None or mask.ndim != 2:
            super()._resize_seg(results)
        else:
            results['gt_seg_map'] = resize_nearest(mask, results['scale'])

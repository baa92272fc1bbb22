# Copyright (c) mmavs developers. All rights reserved.
"""Transforms of single images applied to all frames of a clip."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, TransformBroadcaster
from mmcv.transforms.utils import cache_random_params, cache_randomness

from mmavs.registry import TRANSFORMS

CLIP_KEYS = {'img': 'imgs', 'gt_seg_map': 'gt_seg_maps'}
MASKIGE_KEY = 'maskiges'


@TRANSFORMS.register_module()
class ClipBroadcaster(TransformBroadcaster):
    """Apply image transforms to every frame and mask of a clip, with one draw for the whole clip.

    mmcv's :class:`TransformBroadcaster` with the keys of a clip preset: inside, each frame is
    ``img`` and its mask, if there are masks, ``gt_seg_map``, so mmcv's ``Resize``, ``RandomFlip``
    and so on work as they are. What they add (``img_shape``, ``flip``, ``scale_factor``...) is kept
    once where all frames agree, and as a list of one value a frame where they do not.

    ``Resize(backend='pillow')`` gives the official loaders' pixels (bilinear with antialiasing,
    masks by nearest); the ``cv2`` backend, mmcv's default, does not.

    Where the clip has Maskiges, each goes through the same transforms as an image without a mask:
    with the draws of the clip where they are shared, else with draws of its own. So transforms of
    the geometry belong into a block that shares.

    Required keys: ``imgs``, ``gt_seg_maps`` (optional), ``maskiges`` (optional).

    Args:
        transforms (Sequence[dict | Callable]): Transforms of single images.
        share_random_params (bool): True draws once for the clip, False for every frame anew. Random
            transforms must draw in methods marked ``@cache_randomness``, as mmcv's do.
            Defaults to True.

    Examples:
        >>> pipeline = [
        ...     dict(type='LoadClipFrames'),
        ...     dict(type='LoadClipMasks'),
        ...     dict(type='ClipBroadcaster', transforms=[
        ...         dict(type='Resize', scale=(512, 512), backend='pillow'),
        ...         dict(type='RandomFlip', prob=0.5)])]
    """

    def __init__(
        self, transforms: Sequence[dict | Callable], share_random_params: bool = True
    ) -> None:
        built = [TRANSFORMS.build(step) if isinstance(step, dict) else step for step in transforms]
        super().__init__(built, mapping=CLIP_KEYS, share_random_params=share_random_params)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Transform the frames one after another.

        Raises:
            ValueError: If the clip has no frames, or a transform returns None.
        """
        if not results.get('imgs'):
            raise ValueError('The clip has no frames: put LoadClipFrames before ClipBroadcaster.')
        keys = {inner: outer for inner, outer in CLIP_KEYS.items() if outer in results}
        outside = (*CLIP_KEYS.values(), MASKIGE_KEY)
        shared = {key: value for key, value in results.items() if key not in outside}
        context = cache_random_params if self.share_random_params else nullcontext
        with context(self.transforms):
            frames = [
                self._apply(shared, dict(zip(keys, pictures)))
                for pictures in zip(*(results[outer] for outer in keys.values()), strict=True)
            ]
            maskiges = [
                self._apply(shared, dict(img=maskige))['img']
                for maskige in results.get(MASKIGE_KEY, ())
            ]
        for inner, outer in keys.items():
            results[outer] = [frame.pop(inner) for frame in frames]
        if MASKIGE_KEY in results:
            results[MASKIGE_KEY] = maskiges
        for key in frames[0]:
            values = [frame[key] for frame in frames]
            agree = all(_same(value, values[0]) for value in values[1:])
            results[key] = values[0] if agree else values
        return results

    def _apply(self, shared: dict[str, Any], pictures: dict[str, np.ndarray]) -> dict[str, Any]:
        # mmseg's transforms change the masks that seg_fields names, mmcv's the one called
        # gt_seg_map.
        fields = [key for key in pictures if key != 'img']
        frame = self._apply_transforms({**shared, **pictures, 'seg_fields': fields})
        frame.pop('seg_fields', None)
        return frame


@TRANSFORMS.register_module()
class ClipPhotoMetricDistortion(BaseTransform):
    """Colour jitter of RGB frames, the same for all frames of a clip inside ClipBroadcaster.

    The distortions of mmseg's ``PhotoMetricDistortion`` (which is made for BGR and draws anew for
    each frame whatever the broadcaster says): brightness, contrast, saturation, hue and, in half of
    the cases, contrast at the end instead; each with a probability of 0.5.

    Required and modified keys: ``img`` ((H, W, 3) uint8, RGB).

    Args:
        brightness_delta (int): Largest change of brightness, of 255. Defaults to 32.
        contrast_range (Sequence[float]): Range of the contrast factor. Defaults to (0.5, 1.5).
        saturation_range (Sequence[float]): Range of the saturation factor. Defaults to (0.5, 1.5).
        hue_delta (int): Largest change of hue, of 180. Defaults to 18.
    """

    def __init__(
        self,
        brightness_delta: int = 32,
        contrast_range: Sequence[float] = (0.5, 1.5),
        saturation_range: Sequence[float] = (0.5, 1.5),
        hue_delta: int = 18,
    ) -> None:
        self.brightness_delta = brightness_delta
        self.contrast_range = tuple(contrast_range)
        self.saturation_range = tuple(saturation_range)
        self.hue_delta = hue_delta

    @cache_randomness
    def draw(self) -> list[tuple[str, float]]:
        """Draw the distortions, in the order in which they are applied."""
        steps: list[tuple[str, float]] = []

        def maybe(name: str, draw: Callable, *limits: float) -> None:
            if np.random.randint(2):
                steps.append((name, draw(*limits)))

        maybe('brightness', np.random.uniform, -self.brightness_delta, self.brightness_delta)
        contrast_first = np.random.randint(2)
        if contrast_first:
            maybe('contrast', np.random.uniform, *self.contrast_range)
        maybe('saturation', np.random.uniform, *self.saturation_range)
        maybe('hue', np.random.randint, -self.hue_delta, self.hue_delta)
        if not contrast_first:
            maybe('contrast', np.random.uniform, *self.contrast_range)
        return steps

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Distort one frame."""
        img = results['img']
        for name, amount in self.draw():
            if name == 'brightness':
                img = _clip(img.astype(np.float32) + amount)
            elif name == 'contrast':
                img = _clip(img.astype(np.float32) * amount)
            else:
                img = _shift_colour(img, name, amount)
        results['img'] = img
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(brightness_delta={self.brightness_delta}, '
            f'contrast_range={self.contrast_range}, saturation_range={self.saturation_range}, '
            f'hue_delta={self.hue_delta})'
        )


def _shift_colour(img: np.ndarray, name: str, amount: float) -> np.ndarray:
    hsv = cv2.cvtColor(img, cv2.COLOR_RGB2HSV)
    if name == 'saturation':
        hsv[..., 1] = _clip(hsv[..., 1].astype(np.float32) * amount)
    else:
        hsv[..., 0] = (hsv[..., 0].astype(int) + amount) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _clip(values: np.ndarray) -> np.ndarray:
    return values.clip(0, 255).astype(np.uint8)


def _same(left: Any, right: Any) -> bool:
    if left is right:
        return True
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return np.array_equal(left, right)
    return bool(left == right)

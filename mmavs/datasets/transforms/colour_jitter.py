# Copyright (c) mmavs developers. All rights reserved.
"""torchvision's colour jitter, one draw for a whole clip."""

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from PIL import Image
from torchvision.transforms import ColorJitter
from torchvision.transforms import functional as F

from mmavs.registry import TRANSFORMS

ADJUST = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


@TRANSFORMS.register_module()
class ClipColorJitter(BaseTransform):
    """Brightness, contrast, saturation and hue in random order, always applied.

    torchvision's :class:`ColorJitter` on Pillow images, as CAVP's loaders have it; inside a
    :class:`ClipBroadcaster` with one draw for all frames. :class:`ClipPhotoMetricDistortion` is
    another thing: each of its distortions is left out half of the time.

    Required and modified keys: ``img`` ((H, W, 3) uint8, RGB).

    Args:
        brightness (float | tuple[float, float]): Factors from 1 - x to 1 + x, or the range.
            Defaults to 0.5.
        contrast (float | tuple[float, float]): Likewise. Defaults to 0.5.
        saturation (float | tuple[float, float]): Likewise. Defaults to 0.5.
        hue (float | tuple[float, float]): Shifts from -x to x of the colour circle, at most 0.5,
            or the range. Defaults to 0.25.
    """

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0.5,
        contrast: float | tuple[float, float] = 0.5,
        saturation: float | tuple[float, float] = 0.5,
        hue: float | tuple[float, float] = 0.25,
    ) -> None:
        self.jitter = ColorJitter(brightness, contrast, saturation, hue)

    @cache_randomness
    def draw(self) -> tuple[torch.Tensor, tuple[float | None, ...]]:
        """Draw the order of the four, and their factors (None: left out)."""
        jitter = self.jitter
        order, *factors = ColorJitter.get_params(
            jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
        )
        return order, tuple(factors)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Jitter one frame."""
        order, factors = self.draw()
        picture = Image.fromarray(results['img'])
        for number in order.tolist():
            if factors[number] is not None:
                picture = ADJUST[number](picture, factors[number])
        results['img'] = np.array(picture)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.jitter})'

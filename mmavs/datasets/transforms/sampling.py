# Copyright (c) mmavs developers. All rights reserved.
"""Which frames of a clip are loaded."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmavs.registry import TRANSFORMS

PER_FRAME_KEYS = ('img_paths', 'mask_paths', 'maskige_paths', 'frame_indices')


@TRANSFORMS.register_module()
class RandomClipFrames(BaseTransform):
    """Keep some frames of a clip, drawn anew each time; put it before the frames are loaded.

    Frames of a clip look alike, so for a network that does not mix frames a batch of many clips
    with one frame each teaches more than one of few whole clips, at the same cost. The sound stays
    that of the whole clip; ``frame_indices`` tell the audio encoder which part is heard.

    Required keys: ``img_paths``, ``mask_paths``, ``frame_indices`` (lists of T); optional
    ``maskige_paths``.

    Modified keys: the same, of the frames that are kept, in their order.

    Args:
        num_frames (int): Frames to keep; a clip that has no more keeps all. Defaults to 1.
        consecutive (bool): Keep a run of neighbours, for losses on pairs of them. Defaults to
            False: any frames.

    Raises:
        ValueError: If ``num_frames`` is below 1.
    """

    def __init__(self, num_frames: int = 1, consecutive: bool = False) -> None:
        if num_frames < 1:
            raise ValueError(f'num_frames must be at least 1, got {num_frames}.')
        self.num_frames = num_frames
        self.consecutive = consecutive

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw the frames."""
        total = len(results['img_paths'])
        number = min(self.num_frames, total)
        if self.consecutive:
            first = np.random.randint(total - number + 1)
            kept = np.arange(first, first + number)
        else:
            kept = np.random.choice(total, number, replace=False)
        for key in PER_FRAME_KEYS:
            if key not in results:  # there need not be Maskiges
                continue
            results[key] = [results[key][index] for index in sorted(kept)]
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(num_frames={self.num_frames}, consecutive={self.consecutive})'
        )

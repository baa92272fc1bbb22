# Copyright (c) mmavs developers. All rights reserved.
"""The Maskige of a clip: its second image stream."""

from pathlib import Path
from typing import Any

from mmcv.transforms import BaseTransform

from mmavs.registry import TRANSFORMS

from .loading import read_picture, size_text


@TRANSFORMS.register_module()
class LoadClipMaskiges(BaseTransform):
    """Read the Maskiges of a clip, the coloured masks of a segment-anything model, as RGB.

    Put it behind ``LoadClipFrames`` and before any transform of the frames:
    :class:`ClipBroadcaster` and :class:`SquareClip` then treat a Maskige like its frame.

    Required keys: ``imgs``, ``img_paths``, ``maskige_paths`` (list of T str; a data set has them
    where ``data_prefix`` has ``maskige_path``).

    Added keys: ``maskiges`` (list of T (H, W, 3) uint8 arrays, RGB).
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the Maskiges.

        Raises:
            FileNotFoundError: If one is missing.
            ValueError: If one cannot be decoded or differs in size from its frame, the frames are
                not loaded yet, or the data set names no Maskiges.
        """
        if 'imgs' not in results:
            raise ValueError(
                'LoadClipMaskiges compares them with frames: put LoadClipFrames before it.'
            )
        if 'maskige_paths' not in results:
            raise ValueError(
                f'Clip {results.get("clip_id")} names no Maskiges. Set maskige_path in data_prefix '
                'of the data set to the folder that holds them.'
            )
        maskiges = []
        triples = zip(results['maskige_paths'], results['img_paths'], results['imgs'], strict=True)
        for path, img_path, img in triples:
            if not Path(path).is_file():
                raise FileNotFoundError(
                    f'There is no Maskige {path}. Make the Maskiges with '
                    'tools/dataset_converters/sam_masks2maskige.py, or set maskige_path in '
                    'data_prefix of the data set.'
                )
            maskige = read_picture(path, 'RGB')
            if maskige.shape != img.shape:
                raise ValueError(
                    f'The Maskige {path} is {size_text(maskige)}, its frame {img_path} is '
                    f'{size_text(img)}. They must have one size: sam_masks2maskige.py --size '
                    'writes another.'
                )
            maskiges.append(maskige)
        results['maskiges'] = maskiges
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'

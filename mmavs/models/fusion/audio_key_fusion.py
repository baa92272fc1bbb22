# Copyright (c) mmavs developers. All rights reserved.
"""The sound in the maps that a decoder reads."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS

MODES = ('multiply', 'concat', 'add')


@MODELS.register_module()
class AudioKeyFusion(BaseModule):
    """Fuse the sound with each map, so that queries read it there (VCT, Table 4, first three rows).

    The paper compares its audio blocks with this: the maps that serve as keys and values of the
    decoder's cross-attention are multiplied by, concatenated with or added to the sound. It gives
    no equations; choices of ours: a frame's sound is the mean of its tokens, the same for all
    pixels and levels, and after concatenation a convolution of each level's own leads from 2D
    channels back to D.

    Args:
        mode (str): ``'multiply'``, ``'concat'`` or ``'add'``.
        embed_dims (int): D. Defaults to 256.
        num_levels (int): Number of maps. Defaults to 3.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If the mode is not known.
    """

    def __init__(
        self,
        mode: str,
        embed_dims: int = 256,
        num_levels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if mode not in MODES:
            raise ValueError(f'mode must be one of {MODES}, got {mode!r}.')
        self.mode = mode
        self.projs = None
        if mode == 'concat':
            self.projs = ModuleList(
                nn.Conv2d(2 * embed_dims, embed_dims, 1) for _ in range(num_levels)
            )

    def forward(self, feats: Sequence[Tensor], audio: Tensor) -> list[Tensor]:
        """Fuse.

        Args:
            feats (Sequence[Tensor]): Maps (V, D, h, w), one a level.
            audio (Tensor): (V, L, D) tokens.

        Returns:
            list[Tensor]: Maps of the same shapes.
        """
        sound = audio.mean(1)[..., None, None]
        if self.mode == 'multiply':
            return [feat * sound for feat in feats]
        if self.mode == 'add':
            return [feat + sound for feat in feats]
        return [
            proj(torch.cat([feat, sound.to(feat.dtype).expand_as(feat)], 1))
            for proj, feat in zip(self.projs, feats, strict=True)
        ]

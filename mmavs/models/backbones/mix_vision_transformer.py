# Copyright (c) mmavs developers. All rights reserved.
"""mmseg's MiT, the backbone of SegFormer, between whose stages a module may act."""

from collections.abc import Callable
from typing import Any

from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader
from mmseg.models.backbones import MixVisionTransformer as MMSegMixVisionTransformer
from mmseg.models.utils import nlc_to_nchw
from torch import Tensor

from mmavs.converters import convert, join_mit_attention, mit_rules, unwrap_state_dict
from mmavs.registry import MODELS
from mmavs.utils.weights import mismatch

SHORT_EPS = 1e-5
"""float: Of the norms behind patch embeddings and spatial reductions in the official code."""


@MODELS.register_module()
class MixVisionTransformer(MMSegMixVisionTransformer):
    """Mix Transformer (Xie et al., SegFormer, 2021): the normalised maps of its four stages.

    mmseg's, with its arguments; those of MiT-B5 are ``num_layers=(3, 6, 40, 3)``,
    ``num_heads=(1, 2, 5, 8)``, ``drop_path_rate=0.1``. What differs:

    - ``forward`` takes ``between``, which acts between the stages.
    - The norms behind patch embeddings and spatial reductions have the official epsilon of 1e-5;
      mmseg's are 1e-6 everywhere.
    - A ``Pretrained`` ``init_cfg`` takes the authors' ImageNet files (``mit_b5.pth``), without
      mmseg's converter, and refuses what is not this network.

    ``strides=(2, 2, 2, 2)`` makes the stem of DDESeg (RAVS sheet, section 1): maps of strides 2, 4,
    8 and 16, with the same weights.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for patch_embed, blocks, _ in self.layers:
            patch_embed.norm.eps = SHORT_EPS
            for block in blocks:
                if block.attn.sr_ratio > 1:
                    block.attn.norm.eps = SHORT_EPS

    def init_weights(self) -> None:
        """Load the ImageNet file that ``init_cfg`` names; otherwise mmseg's initial values.

        Raises:
            ValueError: If the file does not hold exactly this network (a classifier is left out).
        """
        if self._is_init:
            return
        if not self.init_cfg or self.init_cfg.get('type') != 'Pretrained':
            super().init_weights()
            return
        path = self.init_cfg['checkpoint']
        print_log(f'Loads MiT by official names from {path}', logger='current')
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
        try:
            official = join_mit_attention(unwrap_state_dict(checkpoint))
            state_dict = convert(official, mit_rules(ours='')).state_dict
        except ValueError as error:
            raise ValueError(f'{path} is not a MiT by official names: {error}') from error
        problems = mismatch(state_dict, self.state_dict())
        if problems:
            raise ValueError(
                f"{path} is another MiT than the config's (embed_dims, num_layers, num_heads, "
                f'sr_ratios): {problems}.'
            )
        self.load_state_dict(state_dict)
        self._is_init = True

    def forward(
        self, x: Tensor, between: Callable[[int, Tensor], Tensor] | None = None
    ) -> tuple[Tensor, ...]:
        """Maps of strides 4, 8, 16, 32.

        Args:
            x (Tensor): (N, 3, H, W) images.
            between (Callable, optional): As for :class:`PVTv2`. Defaults to None.

        Returns:
            tuple[Tensor, ...]: (N, C_l, H_l, W_l), finest first.
        """
        outputs = []
        for index, (patch_embed, blocks, norm) in enumerate(self.layers):
            x, shape = patch_embed(x)
            for block in blocks:
                x = block(x, shape)
            x = nlc_to_nchw(norm(x), shape)
            if between is not None:
                x = between(index, x)
            if index in self.out_indices:
                outputs.append(x)
        return tuple(outputs)

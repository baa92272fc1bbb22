# Copyright (c) mmavs developers. All rights reserved.
"""mmseg's MiT, the backbone of SegFormer, between whose stages a module may act."""

from collections.abc import Callable
from typing import Any

from mmseg.models.backbones import MixVisionTransformer as MMSegMixVisionTransformer
from mmseg.models.utils import nlc_to_nchw
from torch import Tensor

from mmavs.converters import convert, join_mit_attention, mit_rules
from mmavs.models.pretrained_file import load_pretrained_file, names_pretrained_file
from mmavs.registry import MODELS

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
      mmseg's converter, and what that converter makes of them, and refuses what is not this
      network.

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
        if not names_pretrained_file(self):
            super().init_weights()
            return
        arguments = 'embed_dims, num_layers, num_heads, sr_ratios'
        load_pretrained_file(self, 'MiT', _to_mmseg_names, arguments)

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


def _to_mmseg_names(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """The authors' names to mmseg's, which files that mmseg's converter made have already."""
    if any(name.startswith('layers.') for name in state_dict):
        return state_dict
    return convert(join_mit_attention(state_dict), mit_rules(ours='')).state_dict

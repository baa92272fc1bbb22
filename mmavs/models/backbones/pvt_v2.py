# Copyright (c) mmavs developers. All rights reserved.
"""timm's PVTv2 as a backbone of this ecosystem."""

from collections.abc import Callable, Sequence
from typing import Any

import timm
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import CheckpointLoader
from timm.models.pvt_v2 import checkpoint_filter_fn
from torch import Tensor

from mmavs.registry import MODELS


@MODELS.register_module()
class PVTv2(BaseModule):
    """PVTv2 (Wang et al., 2022): the normalised maps of its four stages.

    timm's implementation, whose norms have the official epsilons (mmdet's are 1e-6 everywhere). A
    ``Pretrained`` ``init_cfg`` takes the official ImageNet files and timm's.

    Args:
        variant (str): b0 to b5. Defaults to 'b5'.
        out_indices (Sequence[int]): Stages to return. Defaults to all four.
        drop_path_rate (float): Of the last block, linear from 0. Defaults to 0.1.
        with_cp (bool): Compute the activations of each block again in the backward pass instead of
            keeping them; losses and gradients stay the same. Defaults to False.
        init_cfg (dict, optional): Initialisation. Defaults to None.
        **kwargs (Any): More arguments of timm's ``PyramidVisionTransformerV2``.
    """

    def __init__(
        self,
        variant: str = 'b5',
        out_indices: Sequence[int] = (0, 1, 2, 3),
        drop_path_rate: float = 0.1,
        with_cp: bool = False,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg)
        model = timm.create_model(
            f'pvt_v2_{variant}', num_classes=0, drop_path_rate=drop_path_rate, **kwargs
        )
        self.patch_embed = model.patch_embed
        model.set_grad_checkpointing(with_cp)
        self.stages = model.stages
        self.out_indices = tuple(out_indices)

    def init_weights(self) -> None:
        """Load the ImageNet file that ``init_cfg`` names; otherwise keep timm's initial values.

        Raises:
            RuntimeError: If the file does not hold exactly this network (a classifier is left out).
        """
        if self._is_init or not self.init_cfg:
            return
        if self.init_cfg.get('type') != 'Pretrained':
            super().init_weights()
            return
        path = self.init_cfg['checkpoint']
        print_log(f'Loads PVTv2 by official or timm names from {path}', logger='current')
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
        state_dict = checkpoint_filter_fn(checkpoint.get('state_dict', checkpoint), self)
        self.load_state_dict({k: v for k, v in state_dict.items() if not k.startswith('head.')})
        self._is_init = True

    def forward(
        self, images: Tensor, between: Callable[[int, Tensor], Tensor] | None = None
    ) -> tuple[Tensor, ...]:
        """Maps of strides 4, 8, 16, 32.

        Args:
            images (Tensor): (N, 3, H, W).
            between (Callable, optional): Takes a stage's number, from 0, and its map, and gives the
                map (of the same shape) that is returned and that the next stage reads. Defaults to
                None.

        Returns:
            tuple[Tensor, ...]: (N, C_l, H_l, W_l), finest first.
        """
        outputs = []
        x = self.patch_embed(images)
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if between is not None:
                x = between(index, x)
            if index in self.out_indices:
                outputs.append(x)
        return tuple(outputs)

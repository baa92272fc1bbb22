# Copyright (c) mmavs developers. All rights reserved.
"""From the stages of an audio encoder to maps of one width that queries read."""

from collections.abc import Sequence

from mmdet.models.necks import FPN
from torch import Tensor

from mmavs.registry import MODELS


@MODELS.register_module()
class AudioPixelDecoder(FPN):
    """mmdet's FPN over the stages of the sound (CPM sheet, section 3.2).

    Lateral 1x1 convolutions, a top-down path, 3x3 convolutions behind it. The last stages of the
    encoder are read, as many as there are ``in_channels``: those of strides 4, 8 and 16 in VGGish,
    24 x 16, 12 x 8 and 6 x 4. The finest map is the lattice on which ACP unmixes.

    Args:
        in_channels (Sequence[int]): Of the stages that are read, finest first. Defaults to those of
            VGGish.
        strides (Sequence[int]): Of these stages, which name the maps. Defaults to (4, 8, 16).
        first_stage (int): Which stage of the encoder is the finest that is read. Defaults to 1.
        embed_dims (int): D. Defaults to 256.
        norm_cfg (dict, optional): Norm of the convolutions. Defaults to GN with 32 groups.
        init_cfg (dict, optional): Defaults to uniform Xavier.

    Raises:
        ValueError: If there are not as many strides as stages.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (128, 256, 512),
        strides: Sequence[int] = (4, 8, 16),
        first_stage: int = 1,
        embed_dims: int = 256,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if not 1 <= len(in_channels) == len(strides):
            raise ValueError(
                'The audio pixel decoder needs at least one stage and a stride for each, got '
                f'in_channels={tuple(in_channels)}, strides={tuple(strides)}.'
            )
        super().__init__(
            in_channels=list(in_channels),
            out_channels=embed_dims,
            num_outs=len(in_channels),
            norm_cfg=norm_cfg or dict(type='GN', num_groups=32),
            init_cfg=init_cfg or dict(type='Xavier', layer='Conv2d', distribution='uniform'),
        )
        self.first_stage = first_stage
        self.map_names = tuple(f'a{stride}' for stride in strides)

    def forward(self, pyramid: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Decode the stages.

        Args:
            pyramid (Sequence[Tensor]): All stages of the encoder (N, C_l, h_l, w_l), finest first.

        Returns:
            tuple[Tensor]: Maps (N, D, h_l, w_l), finest first, named by ``map_names``.

        Raises:
            ValueError: If there are not so many stages.
        """
        stages = pyramid[self.first_stage : self.first_stage + len(self.map_names)]
        if len(stages) < len(self.map_names):
            raise ValueError(
                f'audio_decoder reads {len(self.map_names)} stages from number {self.first_stage} '
                f'on, but the audio encoder has {len(pyramid)}.'
            )
        return super().forward(stages)

# Copyright (c) mmavs developers. All rights reserved.
"""The pixel decoder of AQFormer: the sound enters every level before the deformable encoder."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import ModuleList
from mmengine.model.weight_init import caffe2_xavier_init
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

from .deformable_attention import init_encoder
from .deformable_pixel_decoder import DeformablePixelDecoder


@MODELS.register_module()
class AQFormerPixelDecoder(DeformablePixelDecoder):
    """Project, let the sound in, encode, and make the mask feature (AQFormer, section 3.2).

    All maps but the finest are projected (f_w of eq. 2) and meet the sound (eq. 1), each with
    weights of its own; then they run through the deformable encoder. What the mask feature is made
    of is not said in the paper (sheet section 3.3): here a lateral projection of the finest map
    plus the encoder's stride-8 map, a 3x3 and a 1x1 convolution, as in Mask2Former.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's maps, finest first.
        encoder (dict): ``num_layers`` and ``layer_cfg`` of mmdet's
            ``DeformableDetrTransformerEncoder``; its ``num_levels`` is the number of maps less one.
        audio_fusion (dict, optional): Module of ``forward(projected, feat, audio, layout)``, built
            once a level, such as ``AudioLevelFusion``; None: no sound enters here. Its
            ``visual_channels`` are set here. Defaults to None.
        strides (Sequence[int]): Of the maps. Defaults to (4, 8, 16, 32).
        fpn (bool): Whether the encoder's stride-8 map is added to the finest one; False: the mask
            feature is the lateral projection alone, the paper's V^4. Defaults to True.
        embed_dims (int): D. Defaults to 256.
        norm_cfg (dict, optional): Norm of the projections. Defaults to GN with 32 groups.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If there are not as many strides as maps.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        encoder: dict,
        audio_fusion: dict | None = None,
        strides: Sequence[int] = (4, 8, 16, 32),
        fpn: bool = True,
        embed_dims: int = 256,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, encoder, embed_dims, norm_cfg, True, init_cfg)
        if len(strides) != len(in_channels):
            raise ValueError(
                f'decode_head.pixel_decoder needs a stride for each map, got '
                f'in_channels={tuple(in_channels)}, strides={tuple(strides)}.'
            )
        self.names = tuple(f's{stride}' for stride in strides)
        self.audio_fusions = None
        if audio_fusion is not None:
            self.audio_fusions = ModuleList(
                MODELS.build(dict(audio_fusion, visual_channels=channels))
                for channels in in_channels[1:]
            )
        self.fpn = fpn
        if fpn:
            norm_cfg = self.projection['norm_cfg']
            self.output_conv = ConvModule(embed_dims, embed_dims, 3, padding=1, norm_cfg=norm_cfg)
            self.mask_conv = nn.Conv2d(embed_dims, embed_dims, 1)

    @property
    def map_names(self) -> tuple[str, ...]:
        """Names of the maps that :meth:`forward` gives, coarsest first, the mask feature last."""
        return self.names[::-1]

    def init_weights(self) -> None:
        """Initial values of Mask2Former, as in :class:`MSDeformPixelDecoder`."""
        super().init_weights()
        for projection in self.input_projs:
            nn.init.xavier_uniform_(projection.conv.weight)
            nn.init.zeros_(projection.conv.bias)
        if self.fpn:
            caffe2_xavier_init(self.output_conv.conv)
            caffe2_xavier_init(self.mask_conv)
        nn.init.normal_(self.level_embed)
        init_encoder(self.encoder)

    def forward(
        self, feats: Sequence[Tensor], audio: Tensor, layout: ClipLayout
    ) -> dict[str, Tensor]:
        """Decode the backbone's maps.

        Args:
            feats (Sequence[Tensor]): (R, C_l, H_l, W_l) each, finest first.
            audio (Tensor): Vectors (R, C).
            layout (ClipLayout): Of the R rows.

        Returns:
            dict[str, Tensor]: Maps (R, D, H_l, W_l) named by :attr:`map_names`, in this order; the
            last is the mask feature.
        """
        finest, *levels = [project(feat) for project, feat in zip(self.input_projs, feats)]
        if self.audio_fusions is not None:
            levels = [
                fuse(level, feat, audio, layout)
                for fuse, level, feat in zip(self.audio_fusions, levels, feats[1:])
            ]
        sizes = [level.shape[-2:] for level in levels]
        tokens = self.encode(levels).split([height * width for height, width in sizes], dim=1)
        maps = [x.transpose(1, 2).unflatten(-1, size) for x, size in zip(tokens, sizes)]
        if self.fpn:
            fine = F.interpolate(maps[0], finest.shape[-2:], mode='bilinear', align_corners=False)
            finest = self.mask_conv(self.output_conv(finest + fine))
        return dict(zip(self.map_names, (*maps[::-1], finest)))

# Copyright (c) mmavs developers. All rights reserved.
"""The head of TPAVI: sound enters every stage, a RefineNet-style decoder makes the masks."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout, MaskOutputs

from .dense_mask_predictor import DenseMaskPredictor

DILATIONS = (3, 6, 12, 18)


class SummedDilatedConvs(BaseModule):
    """The sum of four parallel 3x3 convolutions of different dilations, without norm (sheet 3).

    The official code calls this ASPP; mmseg's ``ASPPHead`` concatenates and normalises.

    Args:
        in_channels (int): Channels of the backbone's map.
        out_channels (int): Channels of the sum.
        dilations (Sequence[int]): Defaults to 3, 6, 12, 18.
    """

    def __init__(
        self, in_channels: int, out_channels: int, dilations: Sequence[int] = DILATIONS
    ) -> None:
        super().__init__()
        self.convs = ModuleList(
            nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
            for dilation in dilations
        )

    def init_weights(self) -> None:
        """Weights from N(0, 0.01); biases as torch has them."""
        for conv in self.convs:
            nn.init.normal_(conv.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, D, h, w)."""
        return sum(conv(x) for conv in self.convs)


@MODELS.register_module()
class TPAVIHead(BaseModule):
    """TPAVI's head (Zhou et al., ECCV 2022, and AVSBench-semantic; official code).

    Frames of a clip see each other inside :class:`TPAVI`, so training needs whole clips.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's maps, finest first.
        fusion (dict): The block where sound meets a map, built once a stage.
        pixel_decoder (dict): Gives the paths of maps.
        fusion_stages (Sequence[int]): Stages that have a block. Defaults to all four.
        num_classes (int): K, 1 for a binary task. Defaults to 1.
        embed_dims (int): D. Defaults to 256.
        loss_mask (dict): Objective on (logits, classes). Defaults to binary cross-entropy.
        loss_avm (dict, optional): Audio-visual mapping of maps and sound; None leaves it out, as
            for S4. Defaults to None.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    mixes_frames = True

    def __init__(
        self,
        in_channels: Sequence[int],
        fusion: dict,
        pixel_decoder: dict,
        fusion_stages: Sequence[int] = (0, 1, 2, 3),
        num_classes: int = 1,
        embed_dims: int = 256,
        loss_mask: dict | None = None,
        loss_avm: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        strange = set(fusion_stages) - set(range(len(in_channels)))
        if strange:
            raise ValueError(
                f'fusion_stages names {sorted(strange)}, but in_channels has '
                f'{len(in_channels)} stages, 0 to {len(in_channels) - 1}.'
            )
        self.num_classes = num_classes
        self.classifiers = ModuleList(
            SummedDilatedConvs(channels, embed_dims) for channels in in_channels
        )
        self.fusions = ModuleList(
            MODELS.build(fusion) if stage in fusion_stages else None
            for stage in range(len(in_channels))
        )
        self.pixel_decoder = MODELS.build(pixel_decoder)
        self.predictor = DenseMaskPredictor(embed_dims, num_classes, scale_factor=2, bias=True)
        self.loss_mask = MODELS.build(
            loss_mask or dict(type='BinaryMaskLoss', loss=dict(type='BinaryCrossEntropyLoss'))
        )
        self.loss_avm = MODELS.build(loss_avm) if loss_avm else None

    def forward(
        self, feats: Sequence[Tensor], audio: AudioFeatures, layout: ClipLayout
    ) -> MaskOutputs:
        """Segment what sounds.

        Args:
            feats (Sequence[Tensor]): Backbone maps (R, C_l, H_l, W_l), finest (stride 4) first.
            audio (AudioFeatures): Vectors (R, 1, C) are read.
            layout (ClipLayout): Of the R rows.

        Returns:
            MaskOutputs: Of the V valid rows. ``logits`` (V, K, 4*H_0, 4*W_0); ``aux``:
            ``feature_maps``, for each stage (V, D, H_l, W_l), rectified; ``audio_features``, for
            each stage (V, D), None where it has no block; ``paths`` of the pixel decoder.
        """
        flags = layout.row_valid.to(feats[0].dtype)
        vectors = audio.embed.squeeze(1) * flags[:, None]
        maps, sounds = [], []
        for classify, fuse, feat in zip(self.classifiers, self.fusions, feats):
            feature, sound = classify(feat) * flags[:, None, None, None], None
            if fuse is not None:
                feature, sound = fuse(feature, vectors, layout)
                sound = layout.drop_padding(sound)
            # The official decoder rectifies these maps in place, so its loss sees them rectified.
            maps.append(F.relu(layout.drop_padding(feature)))
            sounds.append(sound)
        paths = self.pixel_decoder(maps)
        return MaskOutputs(
            self.predictor(paths[0]),
            aux=dict(feature_maps=maps, audio_features=sounds, paths=paths),
        )

    def loss(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the annotated frames.

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave, V frames.
            target (Tensor): (V, H, W) int64 classes.
            annotated (Tensor): (V,) bool, frames that have a mask.
            audio_labels (Tensor, optional): Not read.

        Returns:
            dict[str, Tensor]: ``loss_mask`` and, if configured, ``loss_avm``: scalars, already
            weighted. Zero, and connected to every parameter, if no frame has a mask.
        """
        logits = outputs.logits
        if logits.shape[-2:] != target.shape[-2:]:
            logits = F.interpolate(logits, target.shape[-2:], mode='bilinear', align_corners=False)
        losses = dict(loss_mask=logits.sum() * 0)
        if annotated.any():
            losses['loss_mask'] = self.loss_mask(logits[annotated], target[annotated])
        if self.loss_avm is not None:
            losses['loss_avm'] = self._avm(outputs, logits, annotated)
        return losses

    def _avm(self, outputs: MaskOutputs, logits: Tensor, annotated: Tensor) -> Tensor:
        """Audio-visual mapping of the frames that count for it."""
        rows = torch.ones_like(annotated) if self.loss_avm.all_frames else annotated
        if not rows.any():
            return logits.sum() * 0
        return self.loss_avm(
            logits[rows],
            [feature[rows] for feature in outputs.aux['feature_maps']],
            [x if x is None else x[rows] for x in outputs.aux['audio_features']],
        )

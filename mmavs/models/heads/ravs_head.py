# Copyright (c) mmavs developers. All rights reserved.
"""The head of RAVS: all-MLP decoder, attention over time, uncertainty."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX, AudioFeatures, ClipLayout, MaskOutputs

GROUP_FRAMES = ('all', 'annotated', 'sounding')


@MODELS.register_module()
class RAVSHead(BaseModule):
    """RAVS behind its encoders (Liu et al., CVPR 2025, sections 3.3 and 3.4; no official code).

    The sound has met the picture between the stages of the backbone (``model.fusion``); nothing is
    heard here. Frames of a clip see each other in ``temporal``, so training needs whole clips.

    Args:
        decoder (dict): Joins the backbone's maps, e.g. :class:`MLPDecoder` of E channels.
        num_classes (int): K, background included: 2 for a binary task. Defaults to 2.
        embed_dims (int): D of temporal attention and heads. Defaults to 256.
        temporal (dict, optional): Mixes the frames of a clip, e.g. :class:`TemporalAttention`. None
            leaves it out. Defaults to None.
        refinement (dict, optional): :class:`UncertaintyRefinement`. None leaves out uncertainty
            and its head. Defaults to None.
        scale_factor (int): Size of the logits by that of the finest map. Defaults to 4.
        align_corners (bool): Of the enlargement of the logits. Defaults to True, as in DDESeg.
        dropout (float): Of whole channels before the heads. Defaults to 0.1.
        loss_seg (dict, optional): Gives a dict of losses of (logits, classes). Defaults to
            :class:`CEDiceIoULoss`.
        raw_weight (float): Factor of ``loss_seg`` on the logits that are not refined, beside that
            on the refined; 0 leaves it out. Not read without ``refinement``. Defaults to 1.0.
        loss_group (dict, optional): Objective on the last :class:`SemanticMerge` of
            ``model.fusion``, e.g. :class:`GroupContrast`. Defaults to None.
        group_frames (str): Frames that count in ``loss_group``, which reads no mask: ``'all'``,
            ``'annotated'``, or ``'sounding'``: annotated ones where something sounds. Defaults to
            ``'all'``.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If there is one class, two are refined by the uncertainty of both, or
            ``group_frames`` is unknown.
    """

    def __init__(
        self,
        decoder: dict,
        num_classes: int = 2,
        embed_dims: int = 256,
        temporal: dict | None = None,
        refinement: dict | None = None,
        scale_factor: int = 4,
        align_corners: bool = True,
        dropout: float = 0.1,
        loss_seg: dict | None = None,
        raw_weight: float = 1.0,
        loss_group: dict | None = None,
        group_frames: str = 'all',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_classes < 2:
            raise ValueError(
                f'decode_head.num_classes of RAVSHead is {num_classes}, expected at least 2: a '
                'binary task has background and object.'
            )
        if group_frames not in GROUP_FRAMES:
            raise ValueError(
                f'decode_head.group_frames must be one of {GROUP_FRAMES}, got {group_frames!r}.'
            )
        self.num_classes = num_classes
        self.decoder = MODELS.build(decoder)
        self.reduce = nn.Conv2d(self.decoder.embed_dims, embed_dims, 1)
        self.temporal = MODELS.build(temporal) if temporal else None
        self.dropout = nn.Dropout2d(dropout)
        self.mask_head = nn.Conv2d(embed_dims, num_classes, 1)
        self.refinement = MODELS.build(refinement) if refinement else None
        if num_classes == 2 and self.refinement and self.refinement.divide == 'classes':
            raise ValueError(
                'With num_classes=2 both classes have the same uncertainty, so dividing both by it '
                "changes nothing: set decode_head.refinement.divide='objects'."
            )
        self.uncertainty_head = nn.Conv2d(embed_dims, num_classes, 1) if refinement else None
        self.scale_factor = scale_factor
        self.align_corners = align_corners
        self.loss_seg = MODELS.build(loss_seg or dict(type='CEDiceIoULoss'))
        self.raw_weight = raw_weight
        self.loss_group = MODELS.build(loss_group) if loss_group else None
        self.group_frames = group_frames

    @property
    def mixes_frames(self) -> bool:
        """Whether frames of a clip see each other, so that clips must be whole."""
        return self.temporal is not None

    def forward(
        self, feats: Sequence[Tensor], audio: AudioFeatures | None, layout: ClipLayout
    ) -> MaskOutputs:
        """Segment what sounds.

        Args:
            feats (Sequence[Tensor]): Backbone maps (R, C_l, H_l, W_l), finest first.
            audio (AudioFeatures, optional): Not read: the maps have met it.
            layout (ClipLayout): Of the R rows.

        Returns:
            MaskOutputs: Of the V valid rows. ``logits`` (V, K, s*H_0, s*W_0), refined if there is a
            refinement; then ``aux`` has ``raw_logits`` of that shape, which are not, and
            ``uncertainty`` (V, K, H_0, W_0) in [0, 1].
        """
        feature = self.reduce(self.decoder(feats))
        if self.temporal is not None:
            feature = self.temporal(feature, layout)
        feature = self.dropout(layout.drop_padding(feature))
        raw = self._enlarge(self.mask_head(feature))
        if self.refinement is None:
            return MaskOutputs(raw)
        uncertainty = self.refinement.estimate(self.uncertainty_head(feature))
        logits = self.refinement(raw, self._enlarge(uncertainty))
        return MaskOutputs(logits, aux=dict(raw_logits=raw, uncertainty=uncertainty))

    def _enlarge(self, maps: Tensor) -> Tensor:
        size = tuple(self.scale_factor * side for side in maps.shape[-2:])
        return F.interpolate(maps, size, mode='bilinear', align_corners=self.align_corners)

    def loss(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the annotated frames, and the group contrast.

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave, V frames, and ``aux['merges']``.
            target (Tensor): (V, H, W) int64 classes, 255 is ignored.
            annotated (Tensor): (V,) bool, frames that have a mask.
            audio_labels (Tensor, optional): Not read.

        Returns:
            dict[str, Tensor]: Scalars, weighted: ``loss_ce``, ``loss_dice``, ``loss_iou``; of the
            logits before the refinement ``loss_raw_ce`` and so on; ``loss_group``. Those of masks
            are zero, and connected to every parameter, if no frame has one.

        Raises:
            ValueError: If ``loss_group`` has nothing to read.
        """
        losses = {}
        if self.loss_group is not None:
            losses['loss_group'] = self._group(outputs, target, annotated)
        if not annotated.any():
            # Without any label the objectives are zero and pass their inputs.
            annotated, target = ~annotated, torch.full_like(target, IGNORE_INDEX)
        target, everything = target[annotated], bool(annotated.all())
        predictions = {'': (outputs.logits, 1.0)}
        if self.refinement is not None and self.raw_weight:
            predictions['raw_'] = (outputs.aux['raw_logits'], self.raw_weight)
        for prefix, (logits, weight) in predictions.items():
            logits = logits if everything else logits[annotated]
            if logits.shape[-2:] != target.shape[-2:]:
                logits = F.interpolate(
                    logits, target.shape[-2:], mode='bilinear', align_corners=False
                )
            for name, value in self.loss_seg(logits, target).items():
                losses[f'loss_{prefix}{name}'] = weight * value
        return losses

    def _group(self, outputs: MaskOutputs, target: Tensor, annotated: Tensor) -> Tensor:
        merges = outputs.aux.get('merges')
        if not merges:
            raise ValueError(
                'decode_head.loss_group reads the groups of model.fusion, but there are none: give '
                "the model a fusion, e.g. dict(type='AudioGuidedMerging', ...), or set "
                'decode_head.loss_group=None.'
            )
        rows = None
        if self.group_frames == 'annotated':
            rows = annotated
        elif self.group_frames == 'sounding':
            objects = (target > 0) & (target != IGNORE_INDEX)
            rows = annotated & objects.flatten(1).any(1)
        return self.loss_group(merges[-1], rows)

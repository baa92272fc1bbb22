# Copyright (c) mmavs developers. All rights reserved.
"""The head of VCT and COMBO: every query is a class and a mask."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from mmdet.models.seg_heads.panoptic_fusion_heads import MaskFormerFusionHead
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmavs.models.losses.mask_matching import Matches
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout, MaskOutputs

from .query_readout import READOUTS

AUDIO_SOURCES = ('embed', 'map')
QUERY_SOURCES = ('mask_feature', 'backbone')


def _build(part: dict | None) -> nn.Module | None:
    return MODELS.build(part) if part else None


@MODELS.register_module()
class QueryMaskHead(BaseModule):
    """Mask2Former's head with sound (VCT, sheet sections 1 and 5; COMBO, sheet section 1).

    Frames never mix but where the query generator mixes them. A row of every tensor is one valid
    frame, V of them.

    Args:
        num_classes (int): K, background included.
        pixel_decoder (dict): Gives the mask feature and the maps that the decoder reads.
        query_generator (dict): Gives the initial queries.
        decoder (dict): Gives the queries after each block, with their predictions.
        criterion (dict): Losses of all predictions, whose queries it matches to a frame's masks:
            ``MaskMatchingCriterion``, or what has its ``matched_losses``.
        predictor (dict, optional): Class and mask of each query; is given ``num_classes`` and
            ``embed_dims``. Defaults to ``QueryMaskPredictor``.
        fusion (dict, optional): Lets mask feature and sound change each other. Defaults to None.
        map_fusion (dict, optional): Lets the sound into the maps that the decoder reads. Defaults
            to None.
        audio_mlp (dict, optional): Brings audio tokens to D channels; None leaves them. Defaults to
            None.
        audio_source (str): What the audio tokens are: ``'embed'``, the encoder's vectors, or
            ``'map'``, the cells of its map, time first. Defaults to 'embed'.
        query_source (str): What the query generator looks at: ``'mask_feature'``, as in the
            official code, or ``'backbone'``, the backbone's finest map, as in VCT's paper. Defaults
            to 'mask_feature'.
        audio_decoder (dict, optional): Makes maps of the encoder's stages, which the decoder reads
            by their names (CPM). Defaults to None.
        inference (str): How queries make scores, see :data:`READOUTS`: ``'semantic'`` or
            ``'general'``. Defaults to 'semantic'.
        coverage_layer (int, optional): The prediction whose classes ``predict`` writes into the
            samples as ``query_labels``, for ``ClassCoverageMetric``; 0 is the first one, of the
            initial queries, or behind the decoder's ``first_reads``. Defaults to None: none.
        loss_pac (dict, optional): Contrast of the sound and the query generator's prototypes (VCT).
            Defaults to None.
        loss_visual (dict, optional): Contrast of matched vision-derived queries and the prototypes,
            an ablation of VCT. Defaults to None.
        loss_consistency (dict, optional): Objective on the masks of neighbouring frames (COMBO).
            Defaults to None.
        embed_dims (int): D. Defaults to 256.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If a source or the inference is not known.
    """

    def __init__(
        self,
        num_classes: int,
        pixel_decoder: dict,
        query_generator: dict,
        decoder: dict,
        criterion: dict,
        predictor: dict | None = None,
        fusion: dict | None = None,
        map_fusion: dict | None = None,
        audio_mlp: dict | None = None,
        audio_source: str = 'embed',
        query_source: str = 'mask_feature',
        audio_decoder: dict | None = None,
        inference: str = 'semantic',
        coverage_layer: int | None = None,
        loss_pac: dict | None = None,
        loss_visual: dict | None = None,
        loss_consistency: dict | None = None,
        embed_dims: int = 256,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if audio_source not in AUDIO_SOURCES:
            raise ValueError(f'audio_source must be one of {AUDIO_SOURCES}, got {audio_source!r}.')
        if query_source not in QUERY_SOURCES:
            raise ValueError(f'query_source must be one of {QUERY_SOURCES}, got {query_source!r}.')
        if inference not in READOUTS:
            raise ValueError(f'inference must be one of {tuple(READOUTS)}, got {inference!r}.')
        self.num_classes = num_classes
        self.inference = inference
        self.coverage_layer = coverage_layer
        self.audio_source = audio_source
        self.query_source = query_source
        self.pixel_decoder = MODELS.build(pixel_decoder)
        self.fusion = _build(fusion)
        self.map_fusion = _build(map_fusion)
        self.audio_mlp = _build(audio_mlp)
        self.audio_decoder = _build(audio_decoder)
        self.query_generator = MODELS.build(query_generator)
        self.decoder = MODELS.build(decoder)
        default = dict(type='QueryMaskPredictor', num_classes=num_classes, embed_dims=embed_dims)
        self.predictor = MODELS.build({**default, **(predictor or {})})
        self.criterion = MODELS.build(criterion)
        self.loss_pac = _build(loss_pac)
        self.loss_visual = _build(loss_visual)
        self.loss_consistency = _build(loss_consistency)

    def forward(
        self, feats: Sequence[Tensor], audio: AudioFeatures, layout: ClipLayout | None = None
    ) -> MaskOutputs:
        """Segment what sounds.

        Args:
            feats (Sequence[Tensor]): Backbone maps (V, C_l, H_l, W_l), finest (stride 4) first.
            audio (AudioFeatures): ``embed`` (V, L, C) or ``map`` (V, C, h, w) is read.
            layout (ClipLayout, optional): Of the V rows, for parts that ask for it.

        Returns:
            MaskOutputs: ``cls_scores`` and ``mask_logits`` of the initial queries and after each
            block; ``aux``: ``mask_feature`` (V, D, H_0, W_0) after the fusion, ``queries``
            (V, Q, D) after the decoder, ``sources``, the maps that the decoder can read, by name,
            ``audio_tokens`` (V, L, D) as the decoder reads them, ``query_assignment``,
            ``prototypes`` and ``visual_queries`` of the query generator, ``layout``.
        """
        mask_feature, maps = self.pixel_decoder(feats)
        tokens, grid = self._audio_tokens(audio)
        if self.fusion is not None:
            mask_feature, tokens = self.fusion(mask_feature, tokens)
        if self.audio_mlp is not None:
            tokens = self.audio_mlp(tokens)
        if self.map_fusion is not None:
            maps = self.map_fusion(maps, tokens)
        pixels = mask_feature if self.query_source == 'mask_feature' else feats[0]
        initial = self.query_generator(pixels, tokens, layout)
        sources = dict(zip(self.pixel_decoder.map_names, maps))
        sources['audio'] = tokens.transpose(1, 2).unflatten(-1, grid)
        sources.update(self.audio_maps(audio))
        predict = partial(self.predictor, mask_feature=mask_feature)
        decoded = self.decoder(initial.queries, sources, predict)
        return MaskOutputs(
            cls_scores=decoded.cls_scores,
            mask_logits=decoded.mask_logits,
            aux=dict(
                mask_feature=mask_feature,
                queries=decoded.queries,
                sources=sources,
                audio_tokens=tokens,
                query_assignment=initial.assignment,
                prototypes=initial.prototypes,
                visual_queries=initial.visual_queries,
                layout=layout,
            ),
        )

    def _audio_tokens(self, audio: AudioFeatures) -> tuple[Tensor, tuple[int, int]]:
        """Tokens (V, L, C), and the grid whose cells they are, row-major."""
        if self.audio_source == 'embed':
            return audio.embed, (audio.embed.shape[1], 1)
        if audio.map is None:
            raise ValueError(
                "decode_head.audio_source='map', but the audio encoder gives no map: take one that "
                "does, such as VGGish, or set audio_source='embed'."
            )
        return audio.map.flatten(2).transpose(1, 2), tuple(audio.map.shape[-2:])

    def audio_maps(self, audio: AudioFeatures) -> dict[str, Tensor]:
        """Maps (V, D, h, w) of the audio decoder by name, finest first; empty without one.

        Raises:
            ValueError: If the audio encoder gives no stages.
        """
        if self.audio_decoder is None:
            return {}
        if audio.pyramid is None:
            raise ValueError(
                'decode_head.audio_decoder reads the stages of the audio encoder, which gives '
                'none: set with_pyramid=True of VGGish, or take AudioResNet.'
            )
        return dict(zip(self.audio_decoder.map_names, self.audio_decoder(audio.pyramid)))

    def loss(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the annotated frames; consistency is of all frames.

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave, V frames.
            target (Tensor): (V, H, W) int64 classes, 255 is ignored.
            annotated (Tensor): (V,) bool, frames that have a mask.
            audio_labels (Tensor, optional): (V, C) float, which categories sound in each frame's
                clip, for a ``loss_pac`` that asks for it.

        Returns:
            dict[str, Tensor]: Scalars, already weighted: those of the criterion, ``loss_pac``,
            ``loss_visual`` and those of ``loss_consistency``.

        Raises:
            ValueError: If a loss needs what the query generator does not give.
        """
        return self.matched_losses(outputs, target, annotated, audio_labels)[0]

    def matched_losses(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], Matches]:
        """The losses, and which query stands for which target; see :meth:`loss`."""
        losses, matches = self.criterion.matched_losses(
            outputs.cls_scores, outputs.mask_logits, target, annotated
        )
        if self.loss_pac is not None:
            prototypes = self._of_generator(outputs, 'prototypes', 'loss_pac')
            labels = None if audio_labels is None else audio_labels[annotated]
            goal = self.loss_pac.make_targets(target[annotated], len(prototypes), labels)
            tokens = outputs.aux['audio_tokens'][annotated]
            losses['loss_pac'] = self.loss_pac(tokens, prototypes, goal)
        if self.loss_visual is not None:
            prototypes = self._of_generator(outputs, 'prototypes', 'loss_visual')
            queries = self._of_generator(outputs, 'visual_queries', 'loss_visual')[annotated]
            losses['loss_visual'] = self.loss_visual(
                queries, matches.labels[-1], prototypes, self.num_classes
            )
        if self.loss_consistency is not None:
            losses.update(self.loss_consistency(outputs.mask_logits, outputs.aux['layout']))
        return losses, matches

    @staticmethod
    def _of_generator(outputs: MaskOutputs, key: str, asker: str) -> Tensor:
        """What a loss needs of the query generator."""
        found = outputs.aux[key]
        if found is None:
            raise ValueError(
                f'decode_head.{asker} needs {key}, but decode_head.query_generator gives none: '
                f'take PrototypePromptedQueryGenerator with num_prototypes, or set {asker}=None.'
            )
        return found

    def semantic_scores(self, outputs: MaskOutputs, size: Sequence[int]) -> Tensor:
        """Score of each class at each pixel, as ``inference`` says.

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave; the last prediction is read.
            size (Sequence[int]): Height and width of the (padded) input.

        Returns:
            Tensor: (V, K, H, W) float32. Not a distribution over the classes.
        """
        with torch.autocast(outputs.mask_logits[-1].device.type, enabled=False):
            readout = READOUTS[self.inference]
            scores = [
                readout(classes.softmax(-1), masks.sigmoid())
                for classes, masks in self._predictions(outputs, size)
            ]
        return torch.stack(scores)

    def query_labels(self, outputs: MaskOutputs) -> Tensor:
        """Class (V, Q) int64 that each query of ``coverage_layer`` says, K for no object."""
        return outputs.cls_scores[self.coverage_layer].argmax(-1)

    def instances(
        self, outputs: MaskOutputs, size: Sequence[int], max_per_frame: int = 100
    ) -> list[InstanceData]:
        """The best pairs of a query and a class, each with its mask (Mask2Former's instances).

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave; the last prediction is read.
            size (Sequence[int]): Height and width of the (padded) input.
            max_per_frame (int): Q*K pairs at most. Defaults to 100.

        Returns:
            list[InstanceData]: One a frame, in no order: ``labels`` (n,), ``masks`` (n, H, W) bool,
            ``bboxes`` (n, 4) x1, y1, x2, y2 around the masks, ``scores`` (n,): probability of the
            class times the mean probability inside of the mask.
        """
        pairs = self.num_classes * outputs.cls_scores[-1].shape[1]
        ranking = MaskFormerFusionHead(
            num_things_classes=self.num_classes,
            num_stuff_classes=0,
            test_cfg=dict(max_per_image=min(max_per_frame, pairs)),
        )
        return [
            ranking.instance_postprocess(classes, masks)
            for classes, masks in self._predictions(outputs, size)
        ]

    @staticmethod
    def _predictions(outputs: MaskOutputs, size: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Last class scores (Q, K+1) and mask logits (Q, H, W) of each frame, in float32.

        Frame by frame, since Q masks at the size of the input are many numbers.
        """
        for classes, masks in zip(outputs.cls_scores[-1].float(), outputs.mask_logits[-1].float()):
            masks = F.interpolate(masks[None], size, mode='bilinear', align_corners=False)
            yield classes, masks[0]

# Copyright (c) mmavs developers. All rights reserved.
"""The head of CPM: agnostic queries for the result, class-conditional prompts to train by."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from mmdet.models.layers import MLP
from torch import Tensor, nn

from mmavs.models.losses.mask_matching import Matches
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, MaskOutputs

from .query_mask_head import QueryMaskHead


class PromptOutputs(NamedTuple):
    """What P prompts a frame give, of R frames.

    Attributes:
        cls_scores (list[Tensor]): (R, P, K+1) behind the audio decoder and after each block.
        mask_logits (list[Tensor]): (R, P, h, w).
        audio_logits (Tensor): (R, P, t, f) masks on the finest map of the audio decoder.
        audio_map (Tensor): (R, D, t, f), that map.
    """

    cls_scores: list[Tensor]
    mask_logits: list[Tensor]
    audio_logits: Tensor
    audio_map: Tensor


@MODELS.register_module()
class CPMHead(QueryMaskHead):
    """:class:`QueryMaskHead` whose queries are kept by class, and which can be prompted by class
    (CPM, section 3.2; sheet cpm.md, sections 4 to 6).

    :meth:`forward`, which alone is run in a test, is that of the parent. In training
    :class:`CPMSegmentor` asks for :meth:`prompt` and :meth:`prompt_losses` too. ``predictor`` has a
    ``classifier``: ``ClassMixture``, or ``ClassPoints`` for the comparison.

    A prompt z of the mixture comes to the queries by a linear layer that is the identity at first,
    and a LayerNorm; all prompts have one learned position.

    Args:
        num_classes (int): K, background included.
        loss_vcp (dict, optional): ``ConditionalPromptLoss``: prompts segment and classify. Its
            ``criterion`` is that of the head unless it is given. Defaults to None.
        loss_acp (dict, optional): ``SpectrogramUnmixing``: prompts find their sound in a mixture.
            Defaults to None.
        loss_pcl (dict, optional): ``PixelAudioContrast``: what prompts hear resembles what they
            see; is given the head's ``embed_dims``. Defaults to None.
        vcp_background (bool): Prompt for the background too, in VCP alone. Defaults to False.
        embed_dims (int): D. Defaults to 256.
        **kwargs (Any): Of :class:`QueryMaskHead`.

    Raises:
        ValueError: If the predictor's classifier gives no prompts, or prompts hear nothing.
    """

    def __init__(
        self,
        num_classes: int,
        loss_vcp: dict | None = None,
        loss_acp: dict | None = None,
        loss_pcl: dict | None = None,
        vcp_background: bool = False,
        embed_dims: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, embed_dims=embed_dims, **kwargs)
        if not hasattr(self.classifier, 'sample'):
            raise ValueError(
                'CPMHead needs a classifier that gives prompts: set decode_head.predictor='
                "dict(type='QueryMaskPredictor', classifier=dict(type='ClassMixture'), ...), or "
                'take QueryMaskHead.'
            )
        self.vcp_background = vcp_background
        self.loss_vcp = self.loss_acp = self.loss_pcl = None
        self.has_prompts = any((loss_vcp, loss_acp, loss_pcl))
        if not self.has_prompts:
            return
        if self.audio_decoder is None:
            raise ValueError(
                "Prompts hear: set decode_head.audio_decoder=dict(type='AudioPixelDecoder', ...)."
            )
        if loss_vcp is not None:
            self.loss_vcp = MODELS.build({'criterion': kwargs['criterion'], **loss_vcp})
        if loss_acp is not None:
            self.loss_acp = MODELS.build(loss_acp)
        if loss_pcl is not None:
            dims = dict.fromkeys(('audio_channels', 'visual_channels', 'embed_dims'), embed_dims)
            self.loss_pcl = MODELS.build({**dims, **loss_pcl})
        self.prompt_proj = nn.Linear(embed_dims, embed_dims)
        self.prompt_norm = nn.LayerNorm(embed_dims)
        self.prompt_embed = nn.Embedding(1, embed_dims)
        self.audio_mask = MLP(embed_dims, embed_dims, embed_dims, num_layers=3)

    @property
    def classifier(self) -> nn.Module:
        """nn.Module: What classifies queries and gives prompts, a part of the predictor."""
        return self.predictor.cls_embed

    def init_weights(self) -> None:
        """The parent's values, and prompts that come through as they are."""
        super().init_weights()
        if self.has_prompts:
            nn.init.eye_(self.prompt_proj.weight)
            nn.init.zeros_(self.prompt_proj.bias)

    def matched_losses(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], Matches]:
        """The parent's losses; in training the last block's queries are kept by their classes."""
        losses, matches = super().matched_losses(outputs, target, annotated, audio_labels)
        if self.training:
            queries = self.predictor.norm(outputs.aux['queries'][annotated])
            self.classifier.enqueue(self.classifier.normalize(queries).detach(), matches.labels[-1])
        return losses, matches

    def wanted_prompts(self, present: Tensor) -> Tensor:
        """Which prompts each frame gets: its classes whose mixture is fitted.

        Args:
            present (Tensor): (V, K) bool, classes in the frame's label.

        Returns:
            Tensor: (V, P) int64, classes ascending, filled up with -1; P is at least 1.
        """
        wanted = present & self.classifier.filled[: self.num_classes]
        if not self.vcp_background or self.loss_vcp is None:
            wanted[:, 0] = False
        most = max(int(wanted.sum(1).amax()), 1)
        numbers = torch.arange(self.num_classes, device=present.device)
        classes = torch.where(wanted, numbers, self.num_classes).sort(1).values[:, :most]
        return classes.masked_fill(classes == self.num_classes, -1)

    def prompt(
        self, classes: Tensor, audio: AudioFeatures, sources: Mapping[str, Tensor], pixels: Tensor
    ) -> PromptOutputs:
        """Run prompts drawn from the mixtures through both decoders (pass B).

        Args:
            classes (Tensor): (R, P) int64, -1 where a row is filled up.
            audio (AudioFeatures): R rows, of the sounds that the prompts are to find their own in.
            sources (Mapping[str, Tensor]): The maps (R, D, h, w) of the agnostic pass; those of the
                sound are replaced.
            pixels (Tensor): (R, D, H_0, W_0), the mask feature.

        Returns:
            PromptOutputs: What they find. The rows that fill up are of no meaning.
        """
        queries = self.prompt_norm(self.prompt_proj(self.classifier.sample(classes)))
        sounds = self.audio_maps(audio)
        absent = classes < 0
        absent[:, 0] = False  # attention to nothing is not a number
        decoded = self.decoder(
            queries,
            {**sources, **sounds},
            partial(self.predictor, mask_feature=pixels),
            self.prompt_embed.weight,
            absent,
        )
        audio_map = next(iter(sounds.values()))
        asking = self.audio_mask(self.predictor.norm(decoded.queries))
        audio_logits = torch.einsum('rpd,rdtf->rptf', asking, audio_map)
        return PromptOutputs(decoded.cls_scores, decoded.mask_logits, audio_logits, audio_map)

    def prompt_losses(
        self,
        found: PromptOutputs,
        classes: Tensor,
        target: Tensor,
        sound: Mapping[str, Tensor],
        pixels: Tensor,
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """VCP, ACP and PCL, as many as there are.

        Args:
            found (PromptOutputs): R rows.
            classes (Tensor): (R, P) int64, -1 where a row is filled up.
            target (Tensor): (R, H, W) int64 classes, 255 is ignored.
            sound (Mapping[str, Tensor]): ``clean`` and ``mixed`` (R, C, t, f) linear magnitudes,
                ``usable`` (R,) bool, what ACP counts.
            pixels (Tensor): (M, D, h, w) mask feature of the annotated frames of the batch.
            labels (Tensor): (M, H, W) int64, their classes.

        Returns:
            dict[str, Tensor]: Scalars, weighted, not yet by lambda; all parameters that
            :meth:`prompt` reads are in the graph.
        """
        sounding = classes.masked_fill(classes == 0, -1)  # the background has no sound
        losses = {}
        if self.loss_vcp is not None:
            own = self.loss_vcp(found.cls_scores, found.mask_logits, classes, target)
            losses = {f'vcp.{name}': loss for name, loss in own.items()}
        if self.loss_acp is not None:
            losses['loss_acp'] = self.loss_acp(found.audio_logits, sounding, **sound)
        if self.loss_pcl is not None:
            losses['loss_pcl'] = self.loss_pcl(
                found.audio_logits, found.audio_map, sounding, pixels, labels
            )
        # Where a loss is left out by an option, DDP still needs its parts in the graph.
        parts = (found.audio_logits, found.cls_scores[-1], found.mask_logits[-1])
        losses['loss_prompt_graph'] = sum(0.0 * part.float().sum() for part in parts)
        return losses

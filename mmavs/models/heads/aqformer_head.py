# Copyright (c) mmavs developers. All rights reserved.
"""The head of AQFormer: a query for each frame, a mask for each query."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.models.layers import MLP
from mmengine.model import BaseModule, ModuleDict
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout, MaskOutputs


class FrameMaskPredictor(BaseModule):
    """The mask of a frame: product of its query and its mask feature (AQFormer, eq. 6).

    Args:
        embed_dims (int): D.
        mask_mlp (bool): Whether a LayerNorm and a three-layer MLP come before, as in Mask2Former.
    """

    def __init__(self, embed_dims: int, mask_mlp: bool) -> None:
        super().__init__()
        self.embed = nn.Identity()
        if mask_mlp:
            mlp = MLP(embed_dims, embed_dims, embed_dims, num_layers=3)
            self.embed = nn.Sequential(nn.LayerNorm(embed_dims), mlp)

    def forward(self, queries: Tensor, mask_feature: Tensor) -> Tensor:
        """Logits (V, 1, h, w) of queries (V, D) and the mask feature (V, D, h, w)."""
        return torch.einsum('vd,vdhw->vhw', self.embed(queries), mask_feature).unsqueeze(1)


@MODELS.register_module()
class AQFormerHead(BaseModule):
    """AQFormer's head (Huang et al., IJCAI 2023) for a binary task.

    Frames of a clip see each other in the audio bridges and in the decoder, so training needs whole
    clips, of which any frames may be annotated (of S4 the first one). R rows are frames, V of them
    valid.

    Args:
        pixel_decoder (dict): Lets the sound into the maps and gives them by name, coarsest first,
            the mask feature last.
        query_generator (dict): Gives a query for each frame.
        decoder (dict): Gives the queries after each layer.
        bridge (dict, optional): Lets frames exchange objects (ABTI), built once a map; None leaves
            it out. Defaults to None.
        bridge_scales (Sequence[str]): Maps that have a bridge. Defaults to all four:
            ``('s32', 's16', 's8', 's4')``.
        mask_mlp (bool): Whether LayerNorm and MLP come between query and mask, as in Mask2Former;
            False: the query itself, eq. 6. Defaults to True.
        supervise_initial (bool): Let the mask of the initial queries have losses too, as in
            Mask2Former. Defaults to True.
        loss_bce (dict, optional): Objective on (logits, classes). Defaults to cross-entropy.
        loss_dice (dict, optional): Likewise. Defaults to Dice with smooth 1.
        loss_sim (dict, optional): Objective on queries and maps, such as
            ``AudioVisualSimilarity``; None leaves it out. Defaults to None.
        embed_dims (int): D. Defaults to 256.
        num_classes (int): 1, since a frame has one mask. Defaults to 1.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Attributes:
        record_attention (bool): Whether the outputs' ``aux`` has what queries and bridges look at.
            False at first.

    Raises:
        ValueError: If there are several classes, or a bridge is for a map that is not there.
    """

    mixes_frames = True

    def __init__(
        self,
        pixel_decoder: dict,
        query_generator: dict,
        decoder: dict,
        bridge: dict | None = None,
        bridge_scales: Sequence[str] = ('s32', 's16', 's8', 's4'),
        mask_mlp: bool = True,
        supervise_initial: bool = True,
        loss_bce: dict | None = None,
        loss_dice: dict | None = None,
        loss_sim: dict | None = None,
        embed_dims: int = 256,
        num_classes: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_classes != 1:
            raise ValueError(
                f'decode_head.num_classes must be 1, got {num_classes}: AQFormer predicts one '
                'mask a frame (S4, MS3).'
            )
        self.num_classes = num_classes
        self.pixel_decoder = MODELS.build(pixel_decoder)
        names = self.pixel_decoder.map_names
        strange = set(bridge_scales) - set(names)
        if strange:
            raise ValueError(
                f'decode_head.bridge_scales names {sorted(strange)}, but the pixel decoder gives '
                f'{names}.'
            )
        self.query_generator = MODELS.build(query_generator)
        self.decoder = MODELS.build(decoder)
        self.bridges = ModuleDict()
        if bridge is not None:
            self.bridges.update({n: MODELS.build(bridge) for n in names if n in bridge_scales})
        self.predictor = FrameMaskPredictor(embed_dims, mask_mlp)
        self.supervise_initial = supervise_initial
        self.loss_bce = MODELS.build(
            loss_bce or dict(type='BinaryMaskLoss', loss=dict(type='BinaryCrossEntropyLoss'))
        )
        smooth_dice = dict(type='mmdet.DiceLoss', naive_dice=True, eps=1.0)
        self.loss_dice = MODELS.build(loss_dice or dict(type='BinaryMaskLoss', loss=smooth_dice))
        self.loss_sim = MODELS.build(loss_sim) if loss_sim else None
        self.record_attention = False

    def forward(
        self, feats: Sequence[Tensor], audio: AudioFeatures, layout: ClipLayout
    ) -> MaskOutputs:
        """Segment what sounds.

        Args:
            feats (Sequence[Tensor]): Backbone maps (R, C_l, H_l, W_l), finest (stride 4) first.
            audio (AudioFeatures): Vectors (R, 1, C) are read.
            layout (ClipLayout): Of the R rows.

        Returns:
            MaskOutputs: Of the V valid rows. ``logits`` (V, 1, H_0, W_0), and ``mask_logits``: the
            same of the initial queries and after each of L layers; ``aux``: ``mask_feature``
            (V, D, H_0, W_0), ``queries``, L times (V, D), ``maps``, for each layer the one that it
            reads, (V, D, H_l, W_l), and ``layout``. With :attr:`record_attention` also
            ``query_attention`` (V, T, H_l, W_l): what each query of the clip takes of the frame in
            the last layer, and ``bridge_attention``, for each bridge, coarsest first,
            (V, T, H_l, W_l): what the sound of each frame of the clip looks at.
        """
        sound = audio.embed.mean(1)
        maps = self.pixel_decoder(feats, sound, layout)
        bridged = []
        for name, bridge in self.bridges.items():
            maps[name], shares = bridge(maps[name], sound, layout)
            bridged.append(shares)
        attention = [] if self.record_attention else None
        initial = self.query_generator(sound, layout)
        decoded = self.decoder(initial, maps, layout, attention)

        rows = [layout.drop_padding(layout.to_rows(clips)) for clips in (initial, *decoded)]
        maps = {name: layout.drop_padding(x) for name, x in maps.items()}
        mask_feature = maps[self.pixel_decoder.map_names[-1]]
        logits = [self.predictor(queries, mask_feature) for queries in rows]
        aux = dict(
            mask_feature=mask_feature,
            queries=rows[1:],
            maps=[maps[name] for name in self.decoder.reads],
            layout=ClipLayout(layout.num_frames, layout.valid),
        )
        if self.record_attention:
            aux['query_attention'] = layout.drop_padding(attention[0])
            aux['bridge_attention'] = [layout.drop_padding(x) for x in bridged]
        return MaskOutputs(logits[-1], mask_logits=logits, aux=aux)

    def loss(
        self,
        outputs: MaskOutputs,
        target: Tensor,
        annotated: Tensor,
        audio_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the masks of annotated frames after every layer, and similarity of all frames.

        Args:
            outputs (MaskOutputs): What :meth:`forward` gave, V frames.
            target (Tensor): (V, H, W) int64 classes.
            annotated (Tensor): (V,) bool, frames that have a mask.
            audio_labels (Tensor, optional): Not read.

        Returns:
            dict[str, Tensor]: Scalars, already weighted: ``d{i}.loss_bce`` and ``d{i}.loss_dice``
            of the initial queries (i = 0) and after all layers but the last, ``loss_bce`` and
            ``loss_dice`` of the last, ``loss_sim``. Those of masks are zero, and connected to every
            parameter, if no frame has a mask.
        """
        losses = {}
        last = len(outputs.mask_logits) - 1
        for number, logits in enumerate(outputs.mask_logits):
            if number == 0 and not self.supervise_initial:
                continue
            prefix = '' if number == last else f'd{number}.'
            bce, dice = self._mask_losses(logits, target, annotated)
            losses.update({f'{prefix}loss_bce': bce, f'{prefix}loss_dice': dice})
        if self.loss_sim is not None:
            aux = outputs.aux
            losses['loss_sim'] = self.loss_sim(
                aux['queries'], aux['maps'], outputs.mask_logits[1:], aux['layout']
            )
        return losses

    def _mask_losses(
        self, logits: Tensor, target: Tensor, annotated: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy and Dice of logits (V, 1, h, w) at the size of the target (V, H, W)."""
        if not annotated.any():
            nothing = logits.float().sum() * 0
            return nothing, nothing
        with torch.autocast(logits.device.type, enabled=False):
            logits, target = logits[annotated].float(), target[annotated]
            logits = F.interpolate(logits, target.shape[-2:], mode='bilinear', align_corners=False)
            return self.loss_bce(logits, target), self.loss_dice(logits, target)

# Copyright (c) mmavs developers. All rights reserved.
"""Audio-visual mapping: what is seen in the mask shall resemble what is heard."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS

AREA_EPS = 1e-6
MASKS = ('logits', 'scores', 'classes')
DISTANCES = ('kl', 'euclidean', 'cosine')


@MODELS.register_module()
class AudioVisualMappingLoss(nn.Module):
    """AVM loss of TPAVI (Zhou et al., ECCV 2022; sheet section 6), mean over the stages.

    For each stage and frame, the visual vector v is the map weighted by the predicted mask, pooled
    to the map's size, and a is the projected sound. The defaults are those of the official MS3
    training; AVSS takes ``mask='classes', reduction='mean'``, and the variant that the official S4
    code offers is ``mask='scores', distance='cosine', threshold=0.5, all_frames=True``.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 0.5.
        stages (Sequence[int]): Stages that count. Defaults to all four.
        distance (str): ``'kl'``: sum over the channels of KL(softmax(a) || softmax(v));
            ``'euclidean'``: |v - a|, ``'cosine'``: -ln(relu(cos(v, a)) + 1e-6). Defaults to 'kl'.
        mask (str): What is pooled: ``'logits'``, with the sigmoid taken afterwards; ``'scores'``,
            the sigmoid of the logits; ``'classes'``, 1 where the best class is not background (no
            gradient). Defaults to 'logits'.
        pooling (str): ``'avg'`` or ``'max'``. Defaults to 'avg'.
        threshold (float, optional): Take the mask as 1 above it and 0 below, and v as the mean over
            the mask. None: v is the mean over all pixels of map times mask. Defaults to None.
        normalize (bool): Divide a and v by their L2 norms. Defaults to False.
        nearest_audio (bool): Compare v with the v of the frame whose sound is nearest, instead of
            with a (official ``closer``). Defaults to False.
        self_distance (float): With ``nearest_audio``, added to a frame's distance to itself. The
            official 10 does not exclude the frame where other distances are above 10, which gives a
            loss of 0; ``float('inf')`` does. Defaults to 10.
        reduction (str): ``'sum'`` or ``'mean'`` over the frames. The official sum of MS3 grows with
            the batch. Only for ``'kl'``: the other distances are averaged. Defaults to 'sum'.
        all_frames (bool): Let frames without a ground-truth mask count too, which the head reads:
            the loss needs none. Defaults to False.
    """

    def __init__(
        self,
        loss_weight: float = 0.5,
        stages: Sequence[int] = (0, 1, 2, 3),
        distance: str = 'kl',
        mask: str = 'logits',
        pooling: str = 'avg',
        threshold: float | None = None,
        normalize: bool = False,
        nearest_audio: bool = False,
        self_distance: float = 10.0,
        reduction: str = 'sum',
        all_frames: bool = False,
    ) -> None:
        super().__init__()
        choices = dict(
            distance=(distance, DISTANCES),
            mask=(mask, MASKS),
            pooling=(pooling, ('avg', 'max')),
            reduction=(reduction, ('sum', 'mean')),
        )
        for name, (value, allowed) in choices.items():
            if value not in allowed:
                raise ValueError(f'{name} must be one of {allowed}, got {value!r}.')
        self.loss_weight = loss_weight
        self.stages = tuple(stages)
        self.distance = distance
        self.mask = mask
        self.pool = F.adaptive_avg_pool2d if pooling == 'avg' else F.adaptive_max_pool2d
        self.threshold = threshold
        self.normalize = normalize
        self.nearest_audio = nearest_audio
        self.self_distance = self_distance
        self.reduction = reduction
        self.all_frames = all_frames

    def forward(
        self,
        logits: Tensor,
        feature_maps: Sequence[Tensor],
        audio_features: Sequence[Tensor | None],
    ) -> Tensor:
        """Loss of some frames.

        Args:
            logits (Tensor): (M, K, H, W).
            feature_maps (Sequence[Tensor]): For each stage (M, D, h, w), rectified.
            audio_features (Sequence[Tensor | None]): For each stage (M, D); None where the head has
                no audio-visual block.

        Returns:
            Tensor: Scalar, weighted.

        Raises:
            ValueError: If a stage that counts has no sound.
        """
        silent = [stage for stage in self.stages if audio_features[stage] is None]
        if silent:
            raise ValueError(
                f'loss_avm.stages names {silent}, which are not among the fusion_stages of the '
                'head, so nothing is heard there.'
            )
        with torch.autocast(logits.device.type, enabled=False):
            source = self._mask_source(logits.float())
            losses = [
                self._stage_loss(source, feature_maps[stage].float(), audio_features[stage].float())
                for stage in self.stages
            ]
            return self.loss_weight * torch.stack(losses).mean()

    def _mask_source(self, logits: Tensor) -> Tensor:
        """What is pooled, (M, 1, H, W)."""
        if self.mask == 'classes':
            return (logits.argmax(1, keepdim=True) != 0).float()
        return logits.sigmoid() if self.mask == 'scores' else logits

    def _stage_loss(self, source: Tensor, feature: Tensor, audio: Tensor) -> Tensor:
        mask = self.pool(source, feature.shape[-2:])
        if self.mask == 'logits':
            mask = mask.sigmoid()
        if self.threshold is None:
            visual = (feature * mask).mean((2, 3))
        else:
            mask = (mask > self.threshold).float()
            visual = (feature * mask).sum((2, 3)) / (mask.sum((2, 3)) + AREA_EPS)
        if self.normalize:
            visual, audio = F.normalize(visual), F.normalize(audio)
        target = visual[self._nearest(audio)] if self.nearest_audio else audio
        return self._compare(visual, target)

    def _nearest(self, audio: Tensor) -> Tensor:
        """(M,) index of the frame whose sound is nearest to each frame's."""
        distance = torch.cdist(audio, audio, compute_mode='donot_use_mm_for_euclid_dist')
        return (distance + torch.diag(audio.new_full((len(audio),), self.self_distance))).argmin(1)

    def _compare(self, visual: Tensor, target: Tensor) -> Tensor:
        if self.distance == 'euclidean':
            return F.pairwise_distance(target, visual).mean()
        if self.distance == 'cosine':
            return -(F.cosine_similarity(target, visual).relu() + AREA_EPS).log().mean()
        divergence = F.kl_div(visual.log_softmax(-1), target.softmax(-1), reduction='none').sum(-1)
        return divergence.sum() if self.reduction == 'sum' else divergence.mean()

# Copyright (c) mmavs developers. All rights reserved.
"""Prototype-audio contrast: prototypes shall resemble the sounds of their categories."""

import math

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS

from .frame_targets import present_labels

SIMILARITIES = ('cosine', 'inner')
LABELS = ('classes', 'category', 'sounding')


@MODELS.register_module()
class PrototypeAudioContrast(BaseModule):
    """PAC loss of VCT (eq. 4 and 5; sheet sections 5.3 and 6).

    ``'cosine'`` is the official code: M = exp(tau) cos(audio, prototype) after a bias-free
    projection of each, tau learned. ``'inner'`` is the paper: the inner product of the projected
    and pooled sound with the prototype as it is.

    Args:
        embed_dims (int): D of audio tokens and prototypes. Defaults to 256.
        similarity (str): ``'cosine'`` or ``'inner'``. Defaults to 'cosine'.
        labels (str): What a frame's target is, see :meth:`make_targets`: ``'classes'``, all labels
            of its mask, for AVSS; ``'category'``, that of the clip, for S4; ``'sounding'``, whether
            anything sounds, the paper's single prototype for S4 and MS3. Defaults to 'classes'.
        init_scale (float): exp(tau) at first. Defaults to 1 / 0.07.
        loss_weight (float): Factor of the loss. Defaults to 1.0.
        init_cfg (dict, optional): Initialisation. Defaults to None: N(0, D^-0.5).

    Raises:
        ValueError: If ``similarity`` or ``labels`` is unknown.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        similarity: str = 'cosine',
        labels: str = 'classes',
        init_scale: float = 1 / 0.07,
        loss_weight: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        init_cfg = init_cfg or dict(type='Normal', layer='Linear', std=embed_dims**-0.5)
        super().__init__(init_cfg)
        for name, value, allowed in (
            ('similarity', similarity, SIMILARITIES),
            ('labels', labels, LABELS),
        ):
            if value not in allowed:
                raise ValueError(f'{name} must be one of {allowed}, got {value!r}.')
        self.similarity = similarity
        self.labels = labels
        self.loss_weight = loss_weight
        self.audio_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        if similarity == 'cosine':
            self.proto_proj = nn.Linear(embed_dims, embed_dims, bias=False)
            self.logit_scale = nn.Parameter(torch.tensor(math.log(init_scale)))

    def forward(self, audio: Tensor, prototypes: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy, mean over frames and prototypes.

        Args:
            audio (Tensor): (M, L, D) tokens of the frames that count, before the decoder's level
                embedding.
            prototypes (Tensor): (P, D).
            target (Tensor): (M, P), 1 where the prototype's category sounds, else 0.

        Returns:
            Tensor: Scalar, weighted; 0 and connected to every parameter if there is no frame.

        Raises:
            ValueError: If the target has another number of columns than there are prototypes.
        """
        if target.shape[-1] != len(prototypes):
            raise ValueError(
                f'loss_pac has a target of {target.shape[-1]} columns for {len(prototypes)} '
                f'prototypes. With labels={self.labels!r} the number of prototypes has to be '
                'that of the classes (classes), of the categories of the data set (category), or '
                '1 (sounding).'
            )
        with torch.autocast(audio.device.type, enabled=False):
            logits = self.match(audio.float(), prototypes.float())
            if not len(logits):
                return logits.sum()
            loss = F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))
            return self.loss_weight * loss

    def match(self, audio: Tensor, prototypes: Tensor) -> Tensor:
        """Logits M (M, P) of «this sounds»; see :meth:`forward`."""
        sound = self.audio_proj(audio.mean(1))
        if self.similarity == 'inner':
            return sound @ prototypes.mT
        sound, meant = F.normalize(sound), F.normalize(self.proto_proj(prototypes))
        return self.logit_scale.exp() * sound @ meant.mT

    def make_targets(
        self, target: Tensor, num_prototypes: int, audio_labels: Tensor | None = None
    ) -> Tensor:
        """What sounds in each frame.

        Args:
            target (Tensor): (M, H, W) int64 classes, 255 where there is no label.
            num_prototypes (int): P.
            audio_labels (Tensor, optional): (M, P), ``gt_audio_labels`` of each frame's clip; what
                ``'category'`` gives. Defaults to None.

        Returns:
            Tensor: (M, P) float. ``'classes'``: 1 for every label of the frame, background
            included, as officially; ``'sounding'``: 1 where a label is not the background.

        Raises:
            ValueError: If the clips say no category.
        """
        if self.labels == 'category':
            if audio_labels is None:
                raise ValueError(
                    "loss_pac has labels='category', but the clips have no gt_audio_labels: set "
                    "categories of AVSBenchS4Dataset ('official', or a list of names)."
                )
            return audio_labels.float()
        present = present_labels(target)[:, :-1]
        if self.labels == 'sounding':
            return present[:, 1:].any(1, keepdim=True).float()
        return present[:, :num_prototypes].float()

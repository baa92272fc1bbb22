# Copyright (c) mmavs developers. All rights reserved.
"""Queries from a learned table, with or without the sound of the frame."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout, QueryOutputs

AUDIO_MODES = ('none', 'add', 'dim', 'all')


@MODELS.register_module()
class LearnedQueryGenerator(BaseModule):
    """Learned queries (Mask2Former), to which COMBO adds the sound (sheet combo.md, section 4).

    A frame's sound is the mean of its audio tokens (COMBO has one).

    The official code of COMBO lays the sounds out wrongly: of the V frames that are computed
    together, query q of frame b gets the sound of frame ``(q * V + b) // Q``. So a query hears
    other frames, and what a clip gives depends on the clips beside it. The released weights were
    trained with that, and give the official outputs only with ``parity=True`` and one clip a step
    at test (``test_dataloader.batch_size=1``). V counts valid frames: the official code, too, drops
    the padding of short clips first. Where training loads annotated frames only, V is smaller and
    the layout another than with whole clips.

    Args:
        num_queries (int): Q. Defaults to 100.
        embed_dims (int): D. Defaults to 256.
        audio (str): ``'none'``; ``'add'`` the sound (V, L, D) to each query; ``'dim'``: the first
            half of the channels is learned, the second is the sound (V, L, D/2); ``'all'``: each
            query is the sound (V, L, D), nothing is learned here. Defaults to 'none'.
        parity (bool): With 'add', lay the sounds out as the official code does. False: each query
            hears its own frame, as it does with 'dim' and 'all' in any case. Defaults to True.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``audio`` is not known, or D is odd with 'dim'.
    """

    def __init__(
        self,
        num_queries: int = 100,
        embed_dims: int = 256,
        audio: str = 'none',
        parity: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if audio not in AUDIO_MODES:
            raise ValueError(f'audio must be one of {AUDIO_MODES}, got {audio!r}.')
        if audio == 'dim' and embed_dims % 2:
            raise ValueError(f'embed_dims must be even with audio="dim", got {embed_dims}.')
        self.num_queries = num_queries
        self.audio = audio
        self.parity = parity
        self.audio_channels = {'none': 0, 'dim': embed_dims // 2}.get(audio, embed_dims)
        learned = embed_dims - self.audio_channels if audio == 'dim' else embed_dims
        self.query_feat = nn.Embedding(num_queries, learned) if audio != 'all' else None

    def spread(self, sound: Tensor) -> Tensor:
        """The sound (V, C) that each query of each frame gets, (V, Q, C)."""
        spread = sound.unsqueeze(1).expand(-1, self.num_queries, -1)
        if self.parity and self.audio == 'add':
            # Frame-major memory read as if it were query-major.
            return spread.reshape(self.num_queries, len(sound), -1).transpose(0, 1)
        return spread

    def forward(
        self,
        mask_feature: Tensor,
        audio: Tensor | None = None,
        layout: ClipLayout | None = None,
    ) -> QueryOutputs:
        """Queries for V frames.

        Args:
            mask_feature (Tensor): (V, D, h, w), of which only V is read.
            audio (Tensor, optional): (V, L, C) tokens, C as ``audio`` of the constructor says.
            layout (ClipLayout, optional): Not read.

        Returns:
            QueryOutputs: ``queries`` (V, Q, D) only.

        Raises:
            ValueError: If the sound is needed and is missing or has other channels.
        """
        if self.audio == 'none':
            return QueryOutputs(self.query_feat.weight.expand(len(mask_feature), -1, -1))
        if audio is None or audio.shape[-1] != self.audio_channels:
            found = 'none' if audio is None else f'{audio.shape[-1]}'
            raise ValueError(
                f'decode_head.query_generator.audio="{self.audio}" needs sound of '
                f'{self.audio_channels} channels, the head gives {found}: set '
                f'decode_head.audio_mlp.embed_dims={self.audio_channels}.'
            )
        sound = self.spread(audio.mean(1))
        if self.audio == 'all':
            return QueryOutputs(sound)
        if self.audio == 'add':
            return QueryOutputs(self.query_feat.weight + sound)
        learned = self.query_feat.weight.expand(len(sound), -1, -1)
        return QueryOutputs(torch.cat([learned, sound.to(learned.dtype)], dim=-1))

# Copyright (c) mmavs developers. All rights reserved.
"""Queries that the sound conditions."""

from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS


class AudioQueryLayer(BaseModule):
    """One layer of the generator: attend to the queries, to the sound, then a feed-forward network.

    Post-norm, attentions without biases, no dropout (AVSegFormer, official code).

    Args:
        embed_dims (int): D.
        num_heads (int): Heads of both attentions.
        feedforward_channels (int): Hidden channels of the feed-forward network.
    """

    def __init__(self, embed_dims: int, num_heads: int, feedforward_channels: int) -> None:
        super().__init__()
        attention = dict(bias=False, batch_first=True)
        self.self_attn = nn.MultiheadAttention(embed_dims, num_heads, **attention)
        self.cross_attn = nn.MultiheadAttention(embed_dims, num_heads, **attention)
        self.ffn = nn.Sequential(
            nn.Linear(embed_dims, feedforward_channels),
            nn.GELU(),
            nn.Linear(feedforward_channels, embed_dims),
        )
        self.norms = ModuleList(nn.LayerNorm(embed_dims) for _ in range(3))

    def forward(self, query: Tensor, audio: Tensor) -> Tensor:
        """Update the queries (N, Q, D) by the audio tokens (N, L, D)."""
        attended = self.self_attn(query, query, query, need_weights=False)[0]
        query = self.norms[0](query + attended)
        heard = self.cross_attn(query, audio, audio, need_weights=False)[0]
        query = self.norms[1](query + heard)
        return self.norms[2](query + self.ffn(query))


@MODELS.register_module()
class AudioQueryGenerator(BaseModule):
    """Learned queries conditioned by the sound, plus queries that are not.

    Section «Query Generator» of AVSegFormer; its code has layers of self-attention, cross-attention
    and feed-forward network where the paper has one attention.

    With one audio token a frame the weight of the cross-attention is always 1 and its query and key
    projections get no gradient; they are kept because the official checkpoints hold them.

    Args:
        num_queries (int): Q. Defaults to 300.
        embed_dims (int): D. Defaults to 256.
        num_layers (int): Defaults to 6.
        num_heads (int): Defaults to 8.
        feedforward_channels (int): Defaults to 1024.
        use_learnable_queries (bool): Add a second table of queries, the same for every frame.
            Defaults to True.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        num_queries: int = 300,
        embed_dims: int = 256,
        num_layers: int = 6,
        num_heads: int = 8,
        feedforward_channels: int = 1024,
        use_learnable_queries: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_queries = num_queries
        self.query = nn.Embedding(num_queries, embed_dims)
        self.layers = ModuleList(
            AudioQueryLayer(embed_dims, num_heads, feedforward_channels) for _ in range(num_layers)
        )
        self.learnable_query = (
            nn.Embedding(num_queries, embed_dims) if use_learnable_queries else None
        )

    def audio_queries(self, audio: Tensor) -> Tensor:
        """The conditioned part of the queries, (N, Q, D), for the audio tokens (N, L, D)."""
        query = self.query.weight.expand(audio.shape[0], -1, -1)
        for layer in self.layers:
            query = layer(query, audio)
        return query

    def forward(self, audio: Tensor) -> Tensor:
        """Queries (N, Q, D) for the audio tokens (N, L, D)."""
        query = self.audio_queries(audio)
        if self.learnable_query is not None:
            query = query + self.learnable_query.weight
        return query

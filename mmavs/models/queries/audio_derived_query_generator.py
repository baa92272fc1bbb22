# Copyright (c) mmavs developers. All rights reserved.
"""Queries that come from the sound: the audio-centric counterpart of vision-derived queries."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout, QueryOutputs

from .prompt_attention import PromptAttention


@MODELS.register_module()
class AudioDerivedQueryGenerator(BaseModule):
    """Learned queries that attend to the sound, for the "ACT" of VCT's Table 2.

    The paper says no more of it than that audio features enhance the learned queries. This is
    PPQG's prompting step with the learned table in the place of the pixels' embeddings and the
    audio tokens in the place of the prototypes, so that nothing but the source of the queries
    differs, and queries can take different tokens. The other reading, COMBO's sum, is
    :class:`LearnedQueryGenerator` with ``audio='add', parity=False``.

    Args:
        num_queries (int): Q. Defaults to 100.
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Defaults to 4.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        num_queries: int = 100,
        embed_dims: int = 256,
        num_heads: int = 4,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_queries = num_queries
        self.query_feat = nn.Embedding(num_queries, embed_dims)
        self.prompting = PromptAttention(embed_dims, num_heads)

    def forward(
        self,
        mask_feature: Tensor,
        audio: Tensor,
        layout: ClipLayout | None = None,
    ) -> QueryOutputs:
        """Queries for the audio tokens (V, L, D).

        Args:
            mask_feature (Tensor): Not read.
            audio (Tensor): (V, L, D).
            layout (ClipLayout, optional): Not read, since frames never mix.

        Returns:
            QueryOutputs: ``queries`` (V, Q, D) only.
        """
        queries = self.query_feat.weight.expand(len(audio), -1, -1)
        return QueryOutputs(self.prompting(queries, audio))

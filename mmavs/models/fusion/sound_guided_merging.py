# Copyright (c) mmavs developers. All rights reserved.
"""Tokens of a map in groups, each merged by how its tokens answer to the sound: SGSM of RAVS."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout, SemanticMerge

from .group_refinement import GroupRefinement, refine_literally
from .sound_attention import SoundAttention
from .token_clustering import cluster_dpc_knn, merge_groups

MERGED = ('visual', 'fused')


@MODELS.register_module()
class SoundGuidedMerging(BaseModule):
    """Sound-guided semantic merging of one stage (RAVS eq. 3 to 7; sheet sections 2 and 3).

    1. ``f^ = LayerNorm(f + attention(f, sound))``, eq. 5; see :class:`SoundAttention`.
    2. Relevance ``S = MLP(f^)``, one number a token.
    3. Groups of tokens by DPC-KNN (:func:`cluster_dpc_knn`), without gradient; ``g_p`` is the mean
       of the tokens of group p, weighted by the softmax of S within the group, eq. 6.
    4. Groups read all tokens, S added to the scores, eq. 7; see :class:`GroupRefinement`.
    5. Each token gets the vector of its group added, times a learned factor a channel.

    What the paper leaves open is an argument; the defaults are those that the sheet recommends.

    Args:
        embed_dims (int): D of the map.
        num_groups (int): P. Defaults to 14.
        audio_channels (int): C of the sound. Defaults to 128.
        num_heads (int): Of both attentions. Defaults to 8.
        keys (str): Of :class:`SoundAttention`. Defaults to 'frame'.
        merged (str): What eq. 6 averages: ``'visual'``, the tokens f, or ``'fused'``, f^. Defaults
            to 'visual'.
        num_layers (int): Of the refinement; 0: none. Defaults to 2.
        literal_refinement (bool): Eq. 7 as it is written, without projections. Defaults to False.
        clustering (dict, optional): More arguments of :func:`cluster_dpc_knn`. Defaults to None.
        cluster_pool (int): Cluster the map averaged over squares of so many tokens a side, whose
            tokens then share a group. Defaults to 1.
        init_gain (float): First value of the learned factors; 1 adds the groups as they are.
            Defaults to 0.1, so that a pretrained backbone begins near what it was.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``merged`` is unknown.
    """

    needs_masks = False

    def __init__(
        self,
        embed_dims: int,
        num_groups: int = 14,
        audio_channels: int = 128,
        num_heads: int = 8,
        keys: str = 'frame',
        merged: str = 'visual',
        num_layers: int = 2,
        literal_refinement: bool = False,
        clustering: dict | None = None,
        cluster_pool: int = 1,
        init_gain: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if merged not in MERGED:
            raise ValueError(f'merged must be one of {MERGED}, got {merged!r}.')
        self.embed_dims = embed_dims
        self.num_groups = num_groups
        self.mixes_frames = keys == 'clip'
        self.merged = merged
        self.num_layers = num_layers
        self.clustering = clustering or {}
        self.cluster_pool = cluster_pool
        self.audio_proj = nn.Linear(audio_channels, embed_dims)
        self.attention = SoundAttention(embed_dims, num_heads, keys)
        self.norm = nn.LayerNorm(embed_dims)
        # No bias at the end: only differences of the relevance count.
        self.relevance = nn.Sequential(
            nn.Linear(embed_dims, embed_dims), nn.GELU(), nn.Linear(embed_dims, 1, bias=False)
        )
        self.refinement = None
        if not literal_refinement:
            layers = (GroupRefinement(embed_dims, num_heads) for _ in range(num_layers))
            self.refinement = ModuleList(layers)
        self.gain = nn.Parameter(torch.full((embed_dims,), float(init_gain)))

    def forward(
        self, feat: Tensor, audio: Tensor, layout: ClipLayout, sounding: Tensor | None = None
    ) -> tuple[Tensor, SemanticMerge]:
        """Merge, refine, and add to the map.

        Args:
            feat (Tensor): (R, D, h, w).
            audio (Tensor): (R, C).
            layout (ClipLayout): Of the R rows.
            sounding (Tensor, optional): Not read.

        Returns:
            tuple[Tensor, SemanticMerge]: The map (R, D, h, w), and the groups, R rows.
        """
        size = feat.shape[-2:]
        tokens, sound = feat.flatten(2).mT, self.audio_proj(audio)
        fused = self.norm(tokens + self.attention(tokens, sound, layout))
        relevance = self.relevance(fused).squeeze(-1)
        assignment = self.assign(feat)
        source = fused if self.merged == 'fused' else tokens
        groups = merge_groups(source, relevance, assignment.flatten(1), self.num_groups)
        groups = self._refine(groups, tokens, relevance)
        own = torch.take_along_dim(groups, assignment.flatten(1)[..., None], 1)
        feat = feat + (own * self.gain).mT.unflatten(-1, size)
        merge = SemanticMerge(relevance.unflatten(-1, size), assignment, groups, sound)
        return feat, merge

    @torch.no_grad()
    def assign(self, feat: Tensor) -> Tensor:
        """The group of each token.

        Args:
            feat (Tensor): (R, D, h, w).

        Returns:
            Tensor: (R, h, w) int64, 0 to P-1.
        """
        height, width = feat.shape[-2:]
        pool = self.cluster_pool
        pooled = F.avg_pool2d(feat, pool, ceil_mode=True) if pool > 1 else feat
        groups = cluster_dpc_knn(pooled.flatten(2).mT, self.num_groups, **self.clustering)
        assignment = groups.assignment.unflatten(-1, pooled.shape[-2:])
        if pool > 1:
            assignment = assignment.repeat_interleave(pool, 1).repeat_interleave(pool, 2)
        return assignment[:, :height, :width]

    def _refine(self, groups: Tensor, tokens: Tensor, relevance: Tensor) -> Tensor:
        """Eq. 7, layer by layer."""
        if self.refinement is None:
            for _ in range(self.num_layers):
                groups = refine_literally(groups, tokens, relevance)
            return groups
        for layer in self.refinement:
            groups = layer(groups, tokens, relevance)
        return groups

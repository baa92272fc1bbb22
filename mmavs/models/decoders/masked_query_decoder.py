# Copyright (c) mmavs developers. All rights reserved.
"""Mask2Former's decoder, with a list of what each block reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmdet.models.layers import SinePositionalEncoding
from mmdet.models.layers.transformer.mask2former_layers import Mask2FormerTransformerDecoderLayer
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS

from .layer_cfg import layer_cfg

Predict = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Callable: Queries (V, Q, D) to class scores (V, Q, K+1) and mask logits (V, Q, h, w)."""


class DecodedQueries(NamedTuple):
    """What a query decoder gives.

    Attributes:
        queries (Tensor): (V, Q, D) after the last block.
        cls_scores (list[Tensor]): (V, Q, K+1) of the initial queries and after each block.
        mask_logits (list[Tensor]): (V, Q, h, w) of the initial queries and after each block.
    """

    queries: Tensor
    cls_scores: list[Tensor]
    mask_logits: list[Tensor]


def blocked_cells(mask_logits: Tensor, size: Sequence[int]) -> Tensor:
    """Which cells of a map the queries do not read: those outside of their mask (Mask2Former, eq.
    3).

    Args:
        mask_logits (Tensor): (V, Q, h, w).
        size (Sequence[int]): Height and width of the map.

    Returns:
        Tensor: (V, Q, H*W) bool, True where the mask's probability is below 0.5. A query that would
        read nothing reads everything.
    """
    resized = F.interpolate(mask_logits.detach(), size, mode='bilinear', align_corners=False)
    blocked = (resized.sigmoid() < 0.5).flatten(2)
    return blocked & ~blocked.all(-1, keepdim=True)


@MODELS.register_module()
class MaskedQueryDecoder(BaseModule):
    """Blocks of cross-attention to one source, self-attention and a feed-forward network.

    The layers are mmdet's, post-norm. Every block has a source: a map of the pixel decoder, of
    which a query reads only what its last predicted mask covers, or the sound, which is read
    whole. A learned row for each source is added to its keys and values, a sine code to the keys,
    a learned code to each query (VCT, sheet section 5.3; COMBO, sheet section 4).

    VCT with D = 2 is ``reads=('audio', 's32', 's16', 's8'), num_iterations=2,
    final_reads=('audio',)``; COMBO is ``reads=('s32', 's16', 's8'), num_iterations=3``.

    CPM's audio decoder TD-A is ``first_reads=('a16', 'a8', 'a4')``: blocks before the first
    prediction, which read their sources whole (CPM sheet, section 3.3).

    Args:
        reads (Sequence[str]): Source of each block of one iteration, as :meth:`forward` gets them
            by name.
        num_iterations (int): D, how often ``reads`` is gone through, each time with layers of its
            own. Defaults to 1.
        final_reads (Sequence[str]): Sources of the blocks after the last iteration.
            Defaults to none.
        first_reads (Sequence[str]): Sources of the blocks before the first prediction, which are
            read whole. Defaults to none.
        unmasked (Sequence[str]): Sources that queries read whole. Defaults to ``('audio',)``.
        num_queries (int): Q. Defaults to 100.
        embed_dims (int): D of the queries. Defaults to 256.
        num_heads (int): Defaults to 8.
        feedforward_channels (int): Defaults to 2048.
        dropout (float): Of attentions, residuals and the feed-forward network. Defaults to 0.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If there is no block.
    """

    def __init__(
        self,
        reads: Sequence[str],
        num_iterations: int = 1,
        final_reads: Sequence[str] = (),
        first_reads: Sequence[str] = (),
        unmasked: Sequence[str] = ('audio',),
        num_queries: int = 100,
        embed_dims: int = 256,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.reads = (*num_iterations * tuple(reads), *final_reads)
        if not self.reads:
            raise ValueError(
                f'The decoder has no block: reads={tuple(reads)}, num_iterations={num_iterations}, '
                f"final_reads={tuple(final_reads)}. Name at least one source, such as 's8'."
            )
        self.num_first = len(first_reads)
        self.reads = (*first_reads, *self.reads)
        self.sources = tuple(dict.fromkeys(self.reads))
        self.unmasked = frozenset(unmasked)
        self.num_heads = num_heads
        self.query_embed = nn.Embedding(num_queries, embed_dims)
        self.level_embed = nn.Embedding(len(self.sources), embed_dims)
        self.positional_encoding = SinePositionalEncoding(embed_dims // 2, normalize=True)
        settings = (embed_dims, num_heads, feedforward_channels, dropout)
        self.layers = ModuleList(
            Mask2FormerTransformerDecoderLayer(**layer_cfg(*settings)) for _ in self.reads
        )

    def init_weights(self) -> None:
        """Xavier for every matrix of the layers, N(0, 1) for the embeddings (VCT, sheet 5.4)."""
        super().init_weights()
        for parameter in self.layers.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self,
        queries: Tensor,
        sources: Mapping[str, Tensor],
        predict: Predict,
        positions: Tensor | None = None,
        absent: Tensor | None = None,
    ) -> DecodedQueries:
        """Decode.

        Args:
            queries (Tensor): (V, Q, D).
            sources (Mapping[str, Tensor]): Maps (V, D, h, w) by name. The sound is a map too: time
                x frequency, or L x 1.
            predict (Callable): Of queries, their class scores and mask logits.
            positions (Tensor, optional): (Q, D) or (1, D), codes of the queries. Defaults to the
                learned ones, one a query.
            absent (Tensor, optional): (V, Q) bool, queries that only fill a row up: no other
                attends to them. Each row has one that does not. Defaults to None.

        Returns:
            DecodedQueries: With predictions after the blocks of ``first_reads``, which are of the
            initial queries where there are none, and after every later block.

        Raises:
            ValueError: If a source that a block reads is not there.
        """
        missing = set(self.sources) - set(sources)
        if missing:
            raise ValueError(
                f'decoder.reads names {sorted(missing)}, but the head gives {sorted(sources)}.'
            )
        memories = {
            name: self._memory(sources[name], embed)
            for name, embed in zip(self.sources, self.level_embed.weight)
        }
        if positions is None:
            positions = self.query_embed.weight
        positions = positions.expand(*queries.shape[:2], -1)
        blocked = None if absent is None else self._self_mask(absent)

        def read(layer: nn.Module, name: str, cells: Tensor | None = None) -> Tensor:
            memory, code = memories[name]
            return layer(
                queries,
                key=memory,
                value=memory,
                query_pos=positions,
                key_pos=code,
                self_attn_mask=blocked,
                cross_attn_mask=cells,
            )

        blocks = list(zip(self.layers, self.reads))
        for layer, name in blocks[: self.num_first]:
            queries = read(layer, name)
        predictions = [predict(queries)]
        for layer, name in blocks[self.num_first :]:
            cells = self._attention_mask(name, predictions[-1][1], sources[name])
            queries = read(layer, name, cells)
            predictions.append(predict(queries))
        return DecodedQueries(queries, *map(list, zip(*predictions)))

    def _memory(self, source: Tensor, embed: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (V, h*w, D) of a map and the codes (1, h*w, D) of their places."""
        tokens = source.flatten(2).transpose(1, 2) + embed
        code = self.positional_encoding(None, source[:1])
        return tokens, code.flatten(2).transpose(1, 2)

    def _self_mask(self, absent: Tensor) -> Tensor:
        """(V*heads, Q, Q) bool, True where a query must not look at another."""
        mask = absent[:, None].expand(-1, absent.shape[1], -1)
        return torch.repeat_interleave(mask, self.num_heads, dim=0)

    def _attention_mask(self, name: str, mask_logits: Tensor, source: Tensor) -> Tensor | None:
        """(V*heads, Q, h*w) bool, True where a query must not look; None: it looks everywhere."""
        if name in self.unmasked:
            return None
        blocked = blocked_cells(mask_logits, source.shape[-2:])
        return torch.repeat_interleave(blocked, self.num_heads, dim=0)

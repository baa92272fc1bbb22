# Copyright (c) mmavs developers. All rights reserved.
"""What the parts of a segmentor hand to each other."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from torch import Tensor


class AudioFeatures(NamedTuple):
    """What an audio encoder gives, one row a frame (N = B*T, clip-major).

    Attributes:
        embed (Tensor): (N, L, C), L tokens a frame.
        map (Tensor, optional): (N, C, h, w) time-frequency feature map.
    """

    embed: Tensor
    map: Tensor | None = None


class QueryOutputs(NamedTuple):
    """What a query generator gives, one row a frame (V valid frames).

    Attributes:
        queries (Tensor): (V, Q, D), what the decoder starts from.
        assignment (Tensor, optional): (V, Q, h*w), how much each query takes of each pixel of the
            mask feature, row-major; of hard groups, 1 where the pixel is the query's and else 0.
        prototypes (Tensor, optional): (P, D), the learned prototypes, the same for all frames.
        visual_queries (Tensor, optional): (V, Q, D), what of the queries comes from the pixels.
    """

    queries: Tensor
    assignment: Tensor | None = None
    prototypes: Tensor | None = None
    visual_queries: Tensor | None = None


class SemanticMerge(NamedTuple):
    """What sound-guided merging found in the map of one stage, one row a frame (V valid frames).

    Attributes:
        relevance (Tensor): (V, h, w), how much each token answers to the sound; only differences
            within a frame mean something.
        assignment (Tensor): (V, h, w) int64, the group of each token, 0 to P-1.
        groups (Tensor): (V, P, D), the vector of each group after its refinement.
        audio (Tensor): (V, D), the sound as this stage projects it.
    """

    relevance: Tensor
    assignment: Tensor
    groups: Tensor
    audio: Tensor


@dataclass
class MaskOutputs:
    """What a head gives, one row a frame (N = B*T, clip-major).

    Attributes:
        logits (Tensor, optional): (N, K, H, W) at input size, from dense heads.
        cls_scores (list[Tensor]): One (N, Q, K+1) a decoder layer, from query heads.
        mask_logits (list[Tensor]): One (N, Q, h, w) a decoder layer, from query heads.
        aux (dict): What losses and pictures need: mask feature, queries, attention, uncertainty.
            Tensors have a row a frame, but for those whose key is in ``SHARED``. ``merges``: a
            :class:`SemanticMerge` for each stage whose tokens are grouped.
        SHARED (tuple[str]): Keys of ``aux`` whose tensors are not of frames.
    """

    SHARED: ClassVar[tuple[str, ...]] = ('prototypes',)

    logits: Tensor | None = None
    cls_scores: list[Tensor] = field(default_factory=list)
    mask_logits: list[Tensor] = field(default_factory=list)
    aux: dict[str, Any] = field(default_factory=dict)

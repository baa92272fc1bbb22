# Copyright (c) mmavs developers. All rights reserved.
"""A head that gives maps of every kind, as heads of RAVS and AQFormer do."""

from typing import NamedTuple

import torch
from torch import Tensor

from mmavs.models.heads import AVSegFormerHead
from mmavs.registry import MODELS

STAGES = ((8, 6), (4, 3))  # grids, and groups below
GROUPS = (6, 3)


class ToyMerge(NamedTuple):
    """The fields of a semantic merge that pictures read, among others."""

    relevance: Tensor
    assignment: Tensor
    groups: Tensor
    audio: Tensor


def toy_aux(frames, num_classes=2):
    """Maps of ``frames`` rows of one clip, no two alike."""
    torch.manual_seed(0)
    merges = [
        ToyMerge(
            relevance=torch.randn(frames, *grid),
            assignment=torch.randint(count, (frames, *grid)),
            groups=torch.randn(frames, count, 5),
            audio=torch.randn(frames, 5),
        )
        for grid, count in zip(STAGES, GROUPS)
    ]
    return dict(
        uncertainty=torch.rand(frames, num_classes, 8, 6),
        merges=merges,
        query_attention=torch.rand(frames, frames, 4, 3) / 12,
        bridge_attention=[torch.rand(frames, frames, *grid) for grid in STAGES],
    )


@MODELS.register_module()
class ToyMapHead(AVSegFormerHead):
    """AVSegFormer's head with made-up maps; those of attention only if asked for."""

    record_attention = False

    def forward(self, feats, audio, layout):
        """What AVSegFormer's head gives, and the maps."""
        outputs = super().forward(feats, audio, layout)
        aux = toy_aux(len(outputs.logits))
        if not self.record_attention:
            del aux['query_attention'], aux['bridge_attention']
        outputs.aux.update(aux)
        return outputs

# Copyright (c) mmavs developers. All rights reserved.
"""A head of queries whose scores can be written down, and a segmentor around it."""

import torch
from mmengine.model import BaseModule
from torch import nn

from mmavs.registry import MODELS
from mmavs.structures import MaskOutputs
from mmavs.testing.tiny import tiny_avsegformer


@MODELS.register_module(force=True)
class ToyQueryHead(BaseModule):
    """Two queries with learned class scores; their masks are means of the finest map, and sound."""

    def __init__(self, num_classes=2):
        super().__init__()
        self.num_classes = num_classes
        self.cls_scores = nn.Parameter(torch.randn(2, num_classes + 1))
        self.scale = nn.Parameter(torch.tensor([2.0, -1.0]))
        self.prototypes = nn.Parameter(torch.randn(3, 4))
        self.asked = []

    def forward(self, feats, audio, layout):
        heard = audio.embed.mean((1, 2))[:, None, None, None]
        masks = (feats[0].mean(1, keepdim=True) + heard) * self.scale[:, None, None]
        return MaskOutputs(
            cls_scores=[self.cls_scores.expand(len(masks), -1, -1)],
            mask_logits=[masks],
            aux=dict(mask_feature=feats[0], prototypes=self.prototypes, layout=layout),
        )

    def semantic_scores(self, outputs, size):
        classes = outputs.cls_scores[-1].softmax(-1)[..., :-1]
        masks = nn.functional.interpolate(outputs.mask_logits[-1], size, mode='bilinear')
        return torch.einsum('nqk,nqhw->nkhw', classes, masks.sigmoid())

    def loss(self, outputs, target, annotated, audio_labels=None):
        self.asked.append((target, annotated, audio_labels))
        return dict(loss_mask=outputs.mask_logits[-1][annotated].square().mean())


def query_model(num_classes=2, **segmentor):
    """A tiny segmentor with a head of queries; ``segmentor`` are more of its arguments."""
    torch.manual_seed(0)
    config = tiny_avsegformer()
    config.update(decode_head=dict(type='ToyQueryHead', num_classes=num_classes), **segmentor)
    return MODELS.build(config).eval()

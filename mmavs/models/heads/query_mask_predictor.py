# Copyright (c) mmavs developers. All rights reserved.
"""What a query says: a class and a mask."""

import torch
from mmdet.models.layers import MLP
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS


@MODELS.register_module()
class QueryMaskPredictor(BaseModule):
    """Norm, then a linear classifier and an MLP whose product with the mask feature is the mask.

    One predictor serves the initial queries and those after every block (Mask2Former; VCT, sheet
    section 5.3).

    Args:
        num_classes (int): K, background included where it is a class. One more is «no object».
        embed_dims (int): D. Defaults to 256.
        classifier (dict, optional): In the place of the linear one, such as CPM's
            ``ClassMixture``; is given ``num_classes`` and ``embed_dims``. Defaults to None.
    """

    def __init__(
        self, num_classes: int, embed_dims: int = 256, classifier: dict | None = None
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dims)
        if classifier is None:
            self.cls_embed = nn.Linear(embed_dims, num_classes + 1)
        else:
            self.cls_embed = MODELS.build(
                dict(classifier, num_classes=num_classes, embed_dims=embed_dims)
            )
        self.mask_embed = MLP(embed_dims, embed_dims, embed_dims, num_layers=3)

    def forward(self, queries: Tensor, mask_feature: Tensor) -> tuple[Tensor, Tensor]:
        """Predict.

        Args:
            queries (Tensor): (V, Q, D).
            mask_feature (Tensor): (V, D, h, w).

        Returns:
            tuple[Tensor, Tensor]: Class scores (V, Q, K+1), the last one of «no object», and mask
            logits (V, Q, h, w).
        """
        queries = self.norm(queries)
        masks = torch.einsum('vqd,vdhw->vqhw', self.mask_embed(queries), mask_feature)
        return self.cls_embed(queries), masks

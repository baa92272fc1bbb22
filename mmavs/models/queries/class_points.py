# Copyright (c) mmavs developers. All rights reserved.
"""What CPM compares its mixtures with: a linear classifier and a learned prompt for each class."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS


@MODELS.register_module()
class ClassPoints(BaseModule):
    """«Point Rep.» of CPM's Table 5, in the place of :class:`ClassMixture`.

    Args:
        num_classes (int): K, background included; one more logit is «no object».
        embed_dims (int): D. Defaults to 256.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Attributes:
        filled (Tensor): (K+1,) bool, classes that have a prompt: all but «no object».
    """

    filled: Tensor

    def __init__(
        self, num_classes: int, embed_dims: int = 256, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.embed_dims = embed_dims
        self.cls_embed = nn.Linear(embed_dims, num_classes + 1)
        self.prompts = nn.Embedding(num_classes, embed_dims)
        self.register_buffer('filled', torch.arange(num_classes + 1) < num_classes, False)

    def forward(self, queries: Tensor) -> Tensor:
        """Logits (..., K+1) of queries (..., D)."""
        return self.cls_embed(queries)

    def normalize(self, queries: Tensor) -> Tensor:
        """Queries as they are."""
        return queries

    def sample(self, classes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The prompt (..., D) of each class (...), with gradient; 0 where the class is negative."""
        return self.prompts(classes.clamp(min=0)) * (classes >= 0).unsqueeze(-1)

    def enqueue(self, g: Tensor, labels: Tensor) -> None:
        """Nothing: points are learned by gradients."""

    def em_update(self) -> None:
        """Nothing: points are learned by gradients."""

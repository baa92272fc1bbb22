# Copyright (c) mmavs developers. All rights reserved.
"""Prototypes taught by what is seen instead of what is heard."""

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmavs.registry import MODELS


@MODELS.register_module()
class PrototypeVisualContrast(BaseModule):
    """The "visual loss" of VCT's Table 3: PAC with matched queries in the place of sounds.

    The paper says no more of it than that it contrasts the prototypes with the positive
    vision-derived queries, those matched to a target. Each of them is a positive of the prototype
    of its class and a negative of all others; similarity, temperature and cross-entropy are those
    of PAC, so that only what teaches the prototypes differs. Prototypes have to be those of the
    classes that queries predict, as for AVSS.

    Args:
        contrast (dict, optional): A :class:`PrototypeAudioContrast`. Defaults to its defaults.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(self, contrast: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.contrast = MODELS.build({'type': 'PrototypeAudioContrast', **(contrast or {})})

    def forward(
        self, queries: Tensor, labels: Tensor, prototypes: Tensor, num_classes: int
    ) -> Tensor:
        """Binary cross-entropy, mean over the matched queries and the prototypes.

        Args:
            queries (Tensor): (M, Q, D), ``visual_queries`` of the frames that count.
            labels (Tensor): (M, Q) int64, the class that each query was matched to in the last
                prediction, ``num_classes`` where to none.
            prototypes (Tensor): (P, D).
            num_classes (int): K, background included.

        Returns:
            Tensor: Scalar, weighted; 0 and connected to every parameter if no query is matched.

        Raises:
            ValueError: If there is not one prototype a class.
        """
        if len(prototypes) != num_classes:
            raise ValueError(
                'PrototypeVisualContrast needs one prototype a class: num_prototypes of '
                f'decode_head.query_generator is {len(prototypes)}, num_classes is {num_classes}.'
            )
        matched = labels < num_classes
        target = F.one_hot(labels[matched], num_classes)
        return self.contrast(queries[matched].unsqueeze(1), prototypes, target)

# Copyright (c) mmavs developers. All rights reserved.
"""The small convolutional head that dense methods share."""

from torch import nn


class DenseMaskPredictor(nn.Sequential):
    """Feature (N, D, h, w) to logits (N, K, s*h, s*w).

    3x3 convolution to D/2, bilinear upsampling, 3x3 convolution to D/8, ReLU, 1x1 convolution
    (AVSegFormer, sheet section 4.8; TPAVI, sheet section 5).

    Args:
        embed_dims (int): D.
        num_classes (int): K.
        scale_factor (int): s. Defaults to 4.
        bias (bool): Whether the last convolution has a bias. Defaults to False.
    """

    def __init__(
        self, embed_dims: int, num_classes: int, scale_factor: int = 4, bias: bool = False
    ) -> None:
        super().__init__(
            nn.Conv2d(embed_dims, embed_dims // 2, 3, padding=1),
            nn.Upsample(scale_factor=scale_factor, mode='bilinear', align_corners=False),
            nn.Conv2d(embed_dims // 2, embed_dims // 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(embed_dims // 8, num_classes, 1, bias=bias),
        )

# Copyright (c) mmavs developers. All rights reserved.
from .mask_objectives import BinaryCrossEntropyLoss, BinaryMaskLoss, MixingLoss, SemanticMaskLoss

__all__ = ['BinaryCrossEntropyLoss', 'BinaryMaskLoss', 'MixingLoss', 'SemanticMaskLoss']

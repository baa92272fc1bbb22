# Copyright (c) mmavs developers. All rights reserved.
from .bilateral_fusion import BilateralFusion
from .channel_mixer import ChannelMixer
from .tpavi import TPAVI

__all__ = ['TPAVI', 'BilateralFusion', 'ChannelMixer']

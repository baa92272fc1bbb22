# Copyright (c) mmavs developers. All rights reserved.
from .audio_key_fusion import AudioKeyFusion
from .bilateral_fusion import BilateralFusion
from .channel_mixer import ChannelMixer
from .siamese_gate import SiameseGate
from .tpavi import TPAVI

__all__ = ['TPAVI', 'AudioKeyFusion', 'BilateralFusion', 'ChannelMixer', 'SiameseGate']

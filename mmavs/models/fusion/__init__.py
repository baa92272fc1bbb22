# Copyright (c) mmavs developers. All rights reserved.
from .audio_key_fusion import AudioKeyFusion
from .channel_mixer import ChannelMixer
from .tpavi import TPAVI

__all__ = ['AudioKeyFusion', 'ChannelMixer', 'TPAVI']

# Copyright (c) mmavs developers. All rights reserved.
from .channel_mixer import ChannelMixer
from .tpavi import TPAVI

__all__ = ['ChannelMixer', 'TPAVI']

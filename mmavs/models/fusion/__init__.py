# Copyright (c) mmavs developers. All rights reserved.
from .channel_mixer import ChannelMixer

__all__ = ['ChannelMixer']

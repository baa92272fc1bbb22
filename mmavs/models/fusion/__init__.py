# Copyright (c) mmavs developers. All rights reserved.
from .channel_mixer import ChannelMixer
from .cross_attention_mixer import CrossAttentionMixer
from .residual_channel_mixer import ResidualChannelMixer
from .tpavi import TPAVI

__all__ = ['TPAVI', 'ChannelMixer', 'CrossAttentionMixer', 'ResidualChannelMixer']

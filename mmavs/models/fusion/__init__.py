# Copyright (c) mmavs developers. All rights reserved.
from .audio_bridge import AudioBridge
from .audio_guided_merging import AudioGuidedMerging
from .audio_key_fusion import AudioKeyFusion
from .audio_level_fusion import AudioLevelFusion
from .bilateral_fusion import BilateralFusion
from .channel_mixer import ChannelMixer
from .cross_attention_fusion import CrossAttentionFusion
from .cross_attention_mixer import CrossAttentionMixer
from .residual_channel_mixer import ResidualChannelMixer
from .siamese_gate import SiameseGate
from .sound_attention import SoundAttention
from .sound_guided_merging import SoundGuidedMerging
from .temporal_attention import TemporalAttention
from .tpavi import TPAVI

__all__ = [
    'TPAVI',
    'AudioBridge',
    'AudioGuidedMerging',
    'AudioKeyFusion',
    'AudioLevelFusion',
    'BilateralFusion',
    'ChannelMixer',
    'CrossAttentionFusion',
    'CrossAttentionMixer',
    'ResidualChannelMixer',
    'SiameseGate',
    'SoundAttention',
    'SoundGuidedMerging',
    'TemporalAttention',
]

# Copyright (c) mmavs developers. All rights reserved.
"""Query heads that are narrow enough for unit tests, and what they are fed with."""

import torch

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout
from mmavs.testing import fill_inputs
from mmavs.testing.tiny import tiny_combo, tiny_vct

VCT = tiny_vct(num_classes=3)['decode_head']
COMBO = tiny_combo()['decode_head']


def build_head(cfg, **kwargs):
    """A head with the initial values of its seed, in eval mode."""
    torch.manual_seed(0)
    head = MODELS.build({**cfg, **kwargs})
    head.init_weights()
    return head.eval()


def head_inputs(frames=2):
    """Maps, sound and layout of one clip."""
    channels = VCT['pixel_decoder']['in_channels']
    feats = [fill_inputs(f'f{i}', (frames, c, 16 >> i, 24 >> i)) for i, c in enumerate(channels)]
    audio = AudioFeatures(fill_inputs('e', (frames, 1, 16)), fill_inputs('m', (frames, 16, 6, 4)))
    return feats, audio, ClipLayout(frames, torch.ones(frames, dtype=torch.bool))


def one_frame(row, feats, audio, layout):
    """The inputs of one of the frames alone."""
    only = slice(row, row + 1)
    sound = audio.rows(only)
    return [feat[only] for feat in feats], sound, ClipLayout(1, layout.valid[only])

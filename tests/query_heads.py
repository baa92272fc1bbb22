# Copyright (c) mmavs developers. All rights reserved.
"""Query heads that are narrow enough for unit tests, and what they are fed with."""

import torch

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout
from mmavs.testing import fill_inputs

CHANNELS = (8, 12, 16, 20)
D = 32
SHARED = dict(
    type='QueryMaskHead',
    embed_dims=D,
    pixel_decoder=dict(
        type='MSDeformPixelDecoder',
        in_channels=CHANNELS,
        embed_dims=D,
        num_layers=1,
        num_heads=4,
        feedforward_channels=16,
    ),
)
DECODER = dict(
    type='MaskedQueryDecoder',
    num_queries=6,
    embed_dims=D,
    num_heads=4,
    feedforward_channels=16,
)
VCT = dict(
    **SHARED,
    num_classes=3,
    audio_source='map',
    audio_mlp=dict(type='AudioMLP', in_channels=10, hidden_channels=16, embed_dims=D),
    query_generator=dict(
        type='PrototypePromptedQueryGenerator',
        image_size=(64, 96),
        num_queries=6,
        embed_dims=D,
        num_prototypes=3,
    ),
    decoder=dict(**DECODER, reads=('audio', 's32', 's16', 's8'), final_reads=('audio',)),
    criterion=dict(type='MaskMatchingCriterion', num_classes=3, num_points=32),
    loss_pac=dict(type='PrototypeAudioContrast', embed_dims=D),
)
COMBO = dict(
    **SHARED,
    num_classes=2,
    fusion=dict(
        type='BilateralFusion', visual_dims=D, audio_dims=5, embed_dims=D, num_heads=4, dropout=0.0
    ),
    audio_mlp=dict(type='AudioMLP', in_channels=5, hidden_channels=16, embed_dims=D),
    query_generator=dict(
        type='LearnedQueryGenerator', num_queries=6, embed_dims=D, audio='add', parity=False
    ),
    decoder=dict(**DECODER, reads=('s32', 's16', 's8')),
    criterion=dict(type='MaskMatchingCriterion', num_classes=2, num_points=32),
    loss_consistency=dict(type='InterFrameConsistency'),
)


def build_head(cfg, **kwargs):
    """A head with the initial values of its seed, in eval mode."""
    torch.manual_seed(0)
    head = MODELS.build({**cfg, **kwargs})
    head.init_weights()
    return head.eval()


def head_inputs(frames=2):
    """Maps, sound and layout of one clip."""
    feats = [fill_inputs(f'f{i}', (frames, c, 16 >> i, 24 >> i)) for i, c in enumerate(CHANNELS)]
    audio = AudioFeatures(fill_inputs('e', (frames, 1, 5)), fill_inputs('m', (frames, 10, 6, 4)))
    return feats, audio, ClipLayout(frames, torch.ones(frames, dtype=torch.bool))


def one_frame(row, feats, audio, layout):
    """The inputs of one of the frames alone."""
    only = slice(row, row + 1)
    sound = AudioFeatures(*(x[only] for x in audio))
    return [feat[only] for feat in feats], sound, ClipLayout(1, layout.valid[only])

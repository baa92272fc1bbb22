# Copyright (c) mmavs developers. All rights reserved.
"""A small AQFormer, for tests and demos."""

from copy import deepcopy

from .tiny import tiny_avsegformer

_TINY_AQFORMER_HEAD = dict(
    type='AQFormerHead',
    embed_dims=32,
    pixel_decoder=dict(
        type='AQFormerPixelDecoder',
        in_channels=(8, 16, 32, 64),
        embed_dims=32,
        norm_cfg=dict(type='GN', num_groups=8),
        encoder=dict(
            num_layers=1,
            layer_cfg=dict(
                self_attn_cfg=dict(
                    embed_dims=32, num_heads=4, num_levels=3, num_points=2, dropout=0.0
                ),
                ffn_cfg=dict(embed_dims=32, feedforward_channels=32),
            ),
        ),
        audio_fusion=dict(
            type='AudioLevelFusion', audio_channels=16, embed_dims=32, key_channels=16
        ),
    ),
    bridge=dict(
        type='AudioBridge', embed_dims=32, audio_channels=16, bridge_channels=16, num_heads=4
    ),
    query_generator=dict(type='FrameQueryGenerator', audio_channels=16, embed_dims=32),
    decoder=dict(
        type='ClipQueryDecoder',
        num_stages=1,
        embed_dims=32,
        num_heads=4,
        feedforward_channels=32,
    ),
    loss_sim=dict(type='AudioVisualSimilarity'),
)


def tiny_aqformer(num_classes: int = 1) -> dict:
    """Config of an AQFormer with every part of the real one and about 0.2 M parameters.

    Args:
        num_classes (int): K, 1: the method is binary. Defaults to 1.

    Returns:
        dict: For ``MODELS.build``. Batch norms are frozen, so that batching changes nothing.
    """
    config = dict(tiny_avsegformer(), decode_head=deepcopy(_TINY_AQFORMER_HEAD))
    config['backbone']['norm_eval'] = True
    config['decode_head']['num_classes'] = num_classes
    return config

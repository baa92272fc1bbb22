# Every part of AQFormer, narrow enough to learn from nothing on two CPU cores.
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', size_divisor=32),
    backbone=dict(type='mmseg.ResNet', depth=18, base_channels=16, norm_eval=False),
    audio_encoder=dict(
        type='VGGish',
        channels=(8, 16, 32, 32, 64, 64),
        fc_channels=(128,),
        final_relu=False,
        frozen=False,
        # It learns to hear from nothing: see norm_cfg of VGGish.
        norm_cfg=dict(type='BN'),
        init_cfg=dict(
            type='Kaiming', layer=['Conv2d', 'Linear'], mode='fan_in', nonlinearity='relu'
        ),
    ),
    decode_head=dict(
        type='AQFormerHead',
        embed_dims=32,
        pixel_decoder=dict(
            type='AQFormerPixelDecoder',
            in_channels=(16, 32, 64, 128),
            embed_dims=32,
            norm_cfg=dict(type='GN', num_groups=8),
            encoder=dict(
                num_layers=1,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=32, num_heads=4, num_levels=3, num_points=2, dropout=0.0
                    ),
                    ffn_cfg=dict(embed_dims=32, feedforward_channels=128),
                ),
            ),
            audio_fusion=dict(
                type='AudioLevelFusion', audio_channels=128, embed_dims=32, key_channels=32
            ),
        ),
        bridge=dict(
            type='AudioBridge',
            embed_dims=32,
            audio_channels=128,
            bridge_channels=32,
            num_heads=4,
            max_frames=5,
        ),
        query_generator=dict(type='FrameQueryGenerator', audio_channels=128, embed_dims=32),
        decoder=dict(
            type='ClipQueryDecoder',
            num_stages=1,
            max_frames=5,
            embed_dims=32,
            num_heads=4,
            feedforward_channels=128,
        ),
        loss_sim=dict(type='AudioVisualSimilarity', loss_weight=0.1),
    ),
    test_cfg=dict(threshold=0.5),
)

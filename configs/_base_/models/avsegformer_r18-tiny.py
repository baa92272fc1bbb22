# Every part of AVSegFormer, narrow enough to learn from nothing on two CPU cores.
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
        type='AVSegFormerHead',
        num_classes=1,
        audio_channels=128,
        embed_dims=32,
        mlp_channels=64,
        pixel_decoder=dict(
            type='AVSegFormerPixelDecoder',
            in_channels=(16, 32, 64, 128),
            embed_dims=32,
            norm_cfg=dict(type='GN', num_groups=8),
            encoder=dict(
                num_layers=1,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=32, num_heads=4, num_levels=3, num_points=2, dropout=0.0
                    ),
                    ffn_cfg=dict(
                        embed_dims=32, feedforward_channels=128, act_cfg=dict(type='GELU')
                    ),
                ),
            ),
        ),
        query_generator=dict(
            type='AudioQueryGenerator',
            num_queries=16,
            embed_dims=32,
            num_layers=2,
            num_heads=4,
            feedforward_channels=128,
        ),
        decoder=dict(
            type='MemoryDecoder',
            num_layers=2,
            embed_dims=32,
            num_heads=4,
            feedforward_channels=128,
            dropout=0.0,
        ),
        mixer=dict(type='ChannelMixer', embed_dims=32, num_heads=4),
        loss_mask=dict(type='BinaryMaskLoss'),
        loss_mix=dict(type='MixingLoss'),
    ),
    test_cfg=dict(threshold=0.5),
)

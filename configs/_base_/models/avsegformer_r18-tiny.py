# Every part of AVSegFormer, narrow enough to learn from nothing on two CPU cores.
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', size_divisor=32),
    backbone=dict(type='mmseg.ResNet', depth=18, base_channels=32, norm_eval=False),
    audio_encoder=dict(
        type='VGGish',
        channels=(16, 32, 64, 64, 64, 64),
        fc_channels=(256, 256, 128),
        frozen=False,
    ),
    decode_head=dict(
        type='AVSegFormerHead',
        num_classes=1,
        audio_channels=128,
        embed_dims=64,
        mlp_channels=128,
        pixel_decoder=dict(
            type='AVSegFormerPixelDecoder',
            in_channels=(32, 64, 128, 256),
            embed_dims=64,
            norm_cfg=dict(type='GN', num_groups=8),
            encoder=dict(
                num_layers=2,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=64, num_heads=4, num_levels=3, num_points=4, dropout=0.0
                    ),
                    ffn_cfg=dict(
                        embed_dims=64, feedforward_channels=256, act_cfg=dict(type='GELU')
                    ),
                ),
            ),
        ),
        query_generator=dict(
            type='AudioQueryGenerator',
            num_queries=16,
            embed_dims=64,
            num_layers=2,
            num_heads=4,
            feedforward_channels=256,
        ),
        decoder=dict(
            type='MemoryDecoder',
            num_layers=2,
            embed_dims=64,
            num_heads=4,
            feedforward_channels=256,
            dropout=0.0,
        ),
        mixer=dict(type='ChannelMixer', embed_dims=64, num_heads=4),
        loss_mask=dict(type='BinaryMaskLoss'),
        loss_mix=dict(type='MixingLoss'),
    ),
    test_cfg=dict(threshold=0.5),
)

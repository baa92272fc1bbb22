# AVSegFormer for a binary task (S4, MS3), ResNet-50. Official settings; those of AVSS are in the
# configs of AVSS.
vggish = 'https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth'
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(
        type='AVSDataPreprocessor',
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        size_divisor=32,
    ),
    backbone=dict(
        type='mmseg.ResNet',
        depth=50,
        style='pytorch',
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.pytorch.org/models/resnet50-19c8e357.pth',
        ),
    ),
    audio_encoder=dict(
        type='VGGish', frozen=True, init_cfg=dict(type='Pretrained', checkpoint=vggish)
    ),
    decode_head=dict(
        type='AVSegFormerHead',
        num_classes=1,
        audio_channels=128,
        embed_dims=256,
        mlp_channels=2048,
        pixel_decoder=dict(
            type='AVSegFormerPixelDecoder',
            in_channels=(256, 512, 1024, 2048),
            embed_dims=256,
            norm_cfg=dict(type='GN', num_groups=32),
            encoder=dict(
                num_layers=6,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=256, num_heads=8, num_levels=3, num_points=4, dropout=0.1
                    ),
                    ffn_cfg=dict(
                        embed_dims=256,
                        feedforward_channels=2048,
                        ffn_drop=0.1,
                        act_cfg=dict(type='GELU'),
                    ),
                ),
            ),
        ),
        query_generator=dict(
            type='AudioQueryGenerator',
            num_queries=300,
            embed_dims=256,
            num_layers=6,
            num_heads=8,
            feedforward_channels=1024,
            use_learnable_queries=True,
        ),
        decoder=dict(
            type='MemoryDecoder',
            num_layers=6,
            embed_dims=256,
            num_heads=8,
            feedforward_channels=2048,
            dropout=0.1,
        ),
        mixer=dict(type='ChannelMixer', embed_dims=256, num_heads=8),
        loss_mask=dict(
            type='BinaryMaskLoss', loss=dict(type='mmdet.DiceLoss', eps=1e-3, loss_weight=1.0)
        ),
        loss_mix=dict(
            type='MixingLoss', loss=dict(type='mmdet.DiceLoss', eps=1e-3, loss_weight=0.1)
        ),
    ),
    test_cfg=dict(threshold=0.5),
)

# Every part of VCT, narrow enough to learn from nothing on two CPU cores.
resnet18 = dict(type='mmseg.ResNet', depth=18, base_channels=16, norm_eval=False)
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', size_divisor=32),
    backbone=resnet18,
    maskige_backbone=resnet18,
    maskige_gate=dict(type='SiameseGate', channels=(16, 32, 64, 128), ratio=4),
    audio_encoder=dict(
        type='VGGish',
        channels=(8, 16, 32, 32, 64, 64),
        with_fc=False,
        frozen=False,
        # It learns to hear from nothing: see norm_cfg of VGGish.
        norm_cfg=dict(type='BN'),
        init_cfg=dict(
            type='Kaiming', layer=['Conv2d', 'Linear'], mode='fan_in', nonlinearity='relu'
        ),
    ),
    decode_head=dict(
        type='QueryMaskHead',
        num_classes=2,
        embed_dims=32,
        pixel_decoder=dict(
            type='MSDeformPixelDecoder',
            in_channels=(16, 32, 64, 128),
            embed_dims=32,
            norm_cfg=dict(type='GN', num_groups=8),
            num_layers=1,
            num_heads=4,
            num_points=2,
            feedforward_channels=128,
        ),
        audio_source='map',
        audio_mlp=dict(type='AudioMLP', in_channels=64, hidden_channels=128, embed_dims=32),
        query_generator=dict(
            type='PrototypePromptedQueryGenerator',
            image_size=96,
            num_queries=16,
            embed_dims=32,
            num_prototypes=None,
        ),
        decoder=dict(
            type='MaskedQueryDecoder',
            reads=('audio', 's32', 's16', 's8'),
            final_reads=('audio',),
            num_queries=16,
            embed_dims=32,
            num_heads=4,
            feedforward_channels=128,
        ),
        criterion=dict(type='MaskMatchingCriterion', num_classes=2, num_points=576),
    ),
    test_cfg=dict(threshold=0.5),
)

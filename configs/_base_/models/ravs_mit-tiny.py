# Every part of RAVS, narrow enough to learn from nothing on two CPU cores.
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', size_divisor=32),
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=16,
        num_layers=(1, 1, 2, 2),
        num_heads=(1, 2, 4, 8),
    ),
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
    fusion=dict(
        type='AudioGuidedMerging',
        stages=(0, 1, 2),
        channels=(16, 32, 64),
        num_groups=(14, 7, 5),
        audio_channels=128,
        # Nothing is pretrained, so nothing has to be spared: groups are added as they are.
        merging=dict(type='SoundGuidedMerging', num_heads=4, init_gain=1.0),
    ),
    decode_head=dict(
        type='RAVSHead',
        num_classes=2,
        embed_dims=32,
        decoder=dict(type='MLPDecoder', in_channels=(16, 32, 64, 128), embed_dims=64),
        temporal=dict(type='TemporalAttention', embed_dims=32, num_heads=4, max_frames=5),
        # Both classes of a binary task have the same uncertainty: the object's score is divided.
        refinement=dict(type='UncertaintyRefinement', eps=0.05, divide='objects'),
        loss_seg=dict(type='CEDiceIoULoss'),
        loss_group=dict(type='GroupContrast', loss_weight=0.1),
    ),
    test_cfg=dict(threshold=0.5),
)

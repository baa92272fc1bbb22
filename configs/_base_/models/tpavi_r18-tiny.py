# Every part of TPAVI, narrow enough to learn from nothing on two CPU cores. Dice in the place of
# the cross-entropy: what sounds is a small part of a SynthAVS frame.
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
        type='TPAVIHead',
        in_channels=(16, 32, 64, 128),
        num_classes=1,
        embed_dims=32,
        fusion=dict(
            type='TPAVI', embed_dims=32, audio_channels=128, inner_channels=32, group_frames=5
        ),
        pixel_decoder=dict(type='RefineDecoder', num_levels=4, embed_dims=32),
        loss_mask=dict(type='BinaryMaskLoss'),
        loss_avm=dict(type='AudioVisualMappingLoss', loss_weight=0.5, reduction='mean'),
    ),
    test_cfg=dict(threshold=0.5),
)

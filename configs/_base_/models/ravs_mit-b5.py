# RAVS for a binary task (S4, MS3), MiT-B5 and VGGish.
vggish = 'https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth'
mit_b5 = (
    'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/'
    'mit_b5_20220624-658746d9.pth'
)
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(
        type='AVSDataPreprocessor',
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        size_divisor=32,
    ),
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=64,
        num_layers=(3, 6, 40, 3),
        num_heads=(1, 2, 5, 8),
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint=mit_b5),
    ),
    audio_encoder=dict(
        type='VGGish', frozen=True, init_cfg=dict(type='Pretrained', checkpoint=vggish)
    ),
    # After the stages of strides 4, 8 and 16.
    fusion=dict(
        type='AudioGuidedMerging',
        stages=(0, 1, 2),
        channels=(64, 128, 320),
        num_groups=(14, 7, 5),
        audio_channels=128,
        merging=dict(type='SoundGuidedMerging'),
    ),
    decode_head=dict(
        type='RAVSHead',
        num_classes=2,
        embed_dims=256,
        decoder=dict(type='MLPDecoder', in_channels=(64, 128, 320, 512), embed_dims=768),
        temporal=dict(type='TemporalAttention', embed_dims=256, num_heads=8, max_frames=10),
        # Both classes of a binary task have the same uncertainty: the object's score is divided.
        refinement=dict(type='UncertaintyRefinement', eps=0.05, divide='objects'),
        loss_seg=dict(type='CEDiceIoULoss', ce_weight=5.0, dice_weight=5.0, iou_weight=2.0),
        loss_group=dict(type='GroupContrast', loss_weight=0.1),
    ),
    test_cfg=dict(threshold=0.5),
)

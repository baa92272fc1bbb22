# TPAVI for a binary task (S4, MS3), ResNet-50. Official settings of S4: no audio-visual mapping.
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
        type='TPAVIHead',
        in_channels=(256, 512, 1024, 2048),
        num_classes=1,
        embed_dims=256,
        fusion=dict(
            type='TPAVI', embed_dims=256, audio_channels=128, audio_bias=True, group_frames=5
        ),
        fusion_stages=(0, 1, 2, 3),
        pixel_decoder=dict(type='RefineDecoder', num_levels=4, embed_dims=256),
        loss_mask=dict(type='BinaryMaskLoss', loss=dict(type='BinaryCrossEntropyLoss')),
        loss_avm=None,
    ),
    test_cfg=dict(threshold=0.5),
)

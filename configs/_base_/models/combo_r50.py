# COMBO for a binary task (S4, MS3), ResNet-50 at 224x224. Official settings.
vggish = 'https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth'
# Batch norms are frozen, as in detectron2. One ImageNet file for both backbones.
resnet50 = dict(
    type='mmseg.ResNet',
    depth=50,
    style='pytorch',
    norm_cfg=dict(type='BN', requires_grad=False),
    norm_eval=True,
    init_cfg=dict(
        type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet50-19c8e357.pth'
    ),
)
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(
        type='AVSDataPreprocessor',
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        size_divisor=32,
    ),
    backbone=resnet50,
    maskige_backbone=resnet50,
    maskige_gate=dict(type='SiameseGate', channels=(256, 512, 1024, 2048), ratio=16),
    audio_encoder=dict(
        type='VGGish', frozen=True, init_cfg=dict(type='Pretrained', checkpoint=vggish)
    ),
    decode_head=dict(
        type='QueryMaskHead',
        num_classes=2,
        embed_dims=256,
        pixel_decoder=dict(
            type='MSDeformPixelDecoder',
            in_channels=(256, 512, 1024, 2048),
            embed_dims=256,
            num_layers=6,
            num_heads=8,
            num_points=4,
            feedforward_channels=1024,
        ),
        fusion=dict(
            type='BilateralFusion',
            mode='MHA-B',
            visual_dims=256,
            audio_dims=128,
            embed_dims=256,
            num_heads=8,
            dropout=0.1,
        ),
        audio_source='embed',
        audio_mlp=dict(type='AudioMLP', in_channels=128, hidden_channels=4096, embed_dims=256),
        # parity=True is the official order of audio and queries, with which its weights were made.
        query_generator=dict(
            type='LearnedQueryGenerator', num_queries=100, embed_dims=256, audio='add', parity=True
        ),
        decoder=dict(
            type='MaskedQueryDecoder',
            reads=('s32', 's16', 's8'),
            num_iterations=3,
            num_queries=100,
            embed_dims=256,
            num_heads=8,
            feedforward_channels=2048,
        ),
        criterion=dict(
            type='MaskMatchingCriterion',
            num_classes=2,
            num_points=12544,
            oversample_ratio=3.0,
            importance_sample_ratio=0.75,
        ),
        loss_consistency=dict(type='InterFrameConsistency', group=5, loss_weight=10.0),
    ),
    test_cfg=dict(threshold=0.5),
)

# Mask2Former whose queries hear: the baseline of CPM, its «AVSegFormer*», on AVSS (71 classes).
vggish = 'https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth'
resnet50 = 'https://download.pytorch.org/models/resnet50-19c8e357.pth'
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
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint=resnet50),
    ),
    audio_encoder=dict(
        type='VGGish',
        frozen=False,
        with_fc=False,
        with_pyramid=True,
        init_cfg=dict(type='Pretrained', checkpoint=vggish),
    ),
    decode_head=dict(
        type='QueryMaskHead',
        num_classes=71,
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
        audio_decoder=dict(type='AudioPixelDecoder', in_channels=(128, 256, 512), embed_dims=256),
        query_generator=dict(type='LearnedQueryGenerator', num_queries=100, embed_dims=256),
        # TD-A, 3 blocks, and TD-V, 9 blocks
        decoder=dict(
            type='MaskedQueryDecoder',
            first_reads=('a16', 'a8', 'a4'),
            reads=('s32', 's16', 's8'),
            num_iterations=3,
            num_queries=100,
            embed_dims=256,
            num_heads=8,
            feedforward_channels=2048,
        ),
        criterion=dict(
            type='MaskMatchingCriterion',
            num_classes=71,
            num_points=12544,
            ignore_unlabelled=True,
            loss_mask=dict(type='mmdet.FocalLoss', gamma=2.0, alpha=0.25, loss_weight=5.0),
            assigner=dict(
                type='BatchedHungarianAssigner',
                match_costs=[
                    dict(type='BatchedClassificationCost', weight=2.0),
                    dict(type='BatchedFocalLossCost', weight=5.0),
                    dict(type='BatchedDiceCost', weight=5.0),
                ],
            ),
        ),
        inference='semantic',
        coverage_layer=0,
    ),
    test_cfg=dict(threshold=0.5),
)

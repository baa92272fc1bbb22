# CPM on AVSS (71 classes), ResNet-50. Choices where the paper is silent: configs/cpm/README.md.
vggish = 'https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth'
resnet50 = 'https://download.pytorch.org/models/resnet50-19c8e357.pth'
model = dict(
    type='CPMSegmentor',
    lambda_prompt=0.5,
    # An epoch of AVSS without prompts: 8498 clips, 16 a step.
    warmup_iters=531,
    mixing=dict(type='DisjointMixing', folder=None),
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
        type='CPMHead',
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
        predictor=dict(
            type='QueryMaskPredictor',
            # A least variance of 0.01 made the first losses ten times larger: README, choices.
            classifier=dict(type='ClassMixture', num_components=3, var_range=(0.25, 4.0)),
        ),
        loss_vcp=dict(type='ConditionalPromptLoss', loss_weight=1.0),
        loss_acp=dict(type='SpectrogramUnmixing', loss_weight=1.0),
        loss_pcl=dict(type='PixelAudioContrast', tau=0.1, loss_weight=1.0),
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

# Every part of CPM, narrow enough to learn from nothing on a CPU core.
model = dict(
    type='CPMSegmentor',
    lambda_prompt=0.5,
    warmup_iters=100,
    mixing=dict(type='DisjointMixing', folder=None),
    data_preprocessor=dict(type='AVSDataPreprocessor', size_divisor=32),
    backbone=dict(type='mmseg.ResNet', depth=18, base_channels=16, norm_eval=False),
    audio_encoder=dict(
        type='VGGish',
        channels=(8, 16, 32, 32, 64, 64),
        with_fc=False,
        frozen=False,
        with_pyramid=True,
        # It learns to hear from nothing: see norm_cfg of VGGish.
        norm_cfg=dict(type='BN'),
        init_cfg=dict(
            type='Kaiming', layer=['Conv2d', 'Linear'], mode='fan_in', nonlinearity='relu'
        ),
    ),
    decode_head=dict(
        type='CPMHead',
        num_classes=71,
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
        audio_decoder=dict(
            type='AudioPixelDecoder',
            in_channels=(16, 32, 64),
            embed_dims=32,
            norm_cfg=dict(type='GN', num_groups=8),
        ),
        query_generator=dict(type='LearnedQueryGenerator', num_queries=16, embed_dims=32),
        # TD-A, 3 blocks, and TD-V, 3 blocks
        decoder=dict(
            type='MaskedQueryDecoder',
            first_reads=('a16', 'a8', 'a4'),
            reads=('s32', 's16', 's8'),
            num_iterations=1,
            num_queries=16,
            embed_dims=32,
            num_heads=4,
            feedforward_channels=256,
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
            num_points=576,
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

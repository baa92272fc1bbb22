# Copyright (c) mmavs developers. All rights reserved.
"""A small CPM, for tests and demos."""

from mmavs.models.losses.mask_matching import default_class_loss

from .tiny import tiny_combo


def focal_criterion(num_classes: int, num_points: int = 12544) -> dict:
    """CPM's objective of matched queries: focal loss and Dice (CPM sheet, section 5).

    Args:
        num_classes (int): K, background included.
        num_points (int): See ``MaskMatchingCriterion``. Defaults to 12544.

    Returns:
        dict: For ``MODELS.build``.
    """
    return dict(
        type='MaskMatchingCriterion',
        num_classes=num_classes,
        num_points=num_points,
        ignore_unlabelled=True,
        loss_cls=default_class_loss(num_classes),
        loss_mask=dict(type='mmdet.FocalLoss', gamma=2.0, alpha=0.25, loss_weight=5.0),
        assigner=dict(
            type='BatchedHungarianAssigner',
            match_costs=[
                dict(type='BatchedClassificationCost', weight=2.0),
                dict(type='BatchedFocalLossCost', weight=5.0),
                dict(type='BatchedDiceCost', weight=5.0),
            ],
        ),
    )


def tiny_cpm_baseline(num_classes: int = 2) -> dict:
    """Config of the baseline of CPM with every part of the real one.

    Args:
        num_classes (int): K, background included. Defaults to 2.

    Returns:
        dict: For ``MODELS.build``. Batch norms are frozen in the backbone.
    """
    config = tiny_combo(num_classes)
    config.update(maskige_backbone=None, maskige_gate=None)
    config['audio_encoder'].update(with_fc=False, with_pyramid=True)
    head = config['decode_head']
    for name in ('fusion', 'audio_mlp', 'loss_consistency'):
        head[name] = None
    head.update(
        criterion=focal_criterion(num_classes, num_points=32),
        audio_decoder=dict(
            type='AudioPixelDecoder',
            in_channels=(8, 8, 16),
            embed_dims=32,
            norm_cfg=dict(type='GN', num_groups=8),
        ),
        query_generator=dict(type='LearnedQueryGenerator', num_queries=6, embed_dims=32),
        coverage_layer=0,
    )
    head['decoder']['first_reads'] = ('a16', 'a8', 'a4')
    return config


def tiny_cpm(num_classes: int = 2, stereo: bool = False) -> dict:
    """Config of a CPM with every part of the real one.

    Args:
        num_classes (int): K, background included. Defaults to 2.
        stereo (bool): A ResNet that hears three seconds of two channels, as for VPO, in the place
            of VGGish. Defaults to False.

    Returns:
        dict: For ``MODELS.build``. A class is fitted once it has 3 queries, so that prompts begin
        soon.
    """
    config = tiny_cpm_baseline(num_classes)
    config['type'] = 'CPMSegmentor'
    config['decode_head'].update(
        type='CPMHead',
        predictor=dict(
            type='QueryMaskPredictor',
            num_classes=num_classes,
            embed_dims=32,
            # Variances of three queries are near 0, and log densities then in the thousands.
            classifier=dict(
                type='ClassMixture',
                num_components=2,
                memory_size=16,
                min_samples=3,
                var_range=(1.0, 4.0),
            ),
        ),
        loss_vcp=dict(type='ConditionalPromptLoss'),
        loss_acp=dict(type='SpectrogramUnmixing'),
        loss_pcl=dict(type='PixelAudioContrast'),
    )
    if stereo:
        config['audio_encoder'] = dict(type='AudioResNet', in_channels=2, base_channels=8)
        config['decode_head']['audio_decoder'].update(in_channels=(8, 16, 32), first_stage=0)
    return config

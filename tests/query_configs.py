# Copyright (c) mmavs developers. All rights reserved.
"""Segmentors of the size of the official VCT and COMBO."""

BACKBONES = {
    'resnet': (
        dict(
            type='mmseg.ResNet',
            depth=50,
            style='pytorch',
            norm_cfg=dict(type='BN', requires_grad=False),
            norm_eval=True,
        ),
        (256, 512, 1024, 2048),
    ),
    'pvt': (dict(type='PVTv2', variant='b5'), (64, 128, 320, 512)),
    'swin': (
        dict(
            type='SwinTransformer',
            embed_dims=128,
            depths=(2, 2, 18, 2),
            num_heads=(4, 8, 16, 32),
            window_size=12,
        ),
        (128, 256, 512, 1024),
    ),
}


def segmentor(backbone, vggish, head):
    encoder, channels = BACKBONES[backbone]
    head.update(
        type='QueryMaskHead',
        pixel_decoder=dict(type='MSDeformPixelDecoder', in_channels=channels),
        criterion=dict(type='MaskMatchingCriterion', num_classes=head['num_classes']),
    )
    return dict(
        type='AVSegmentor',
        data_preprocessor=dict(type='AVSDataPreprocessor'),
        backbone=dict(encoder),
        maskige_backbone=dict(encoder),
        maskige_gate=dict(type='SiameseGate', channels=channels),
        audio_encoder=dict(type='VGGish', **vggish),
        decode_head=head,
    )


def combo_model(backbone='resnet', num_classes=2):
    """COMBO: bilateral fusion, learned queries with the sound."""
    head = dict(
        num_classes=num_classes,
        audio_source='embed',
        fusion=dict(type='BilateralFusion'),
        audio_mlp=dict(type='AudioMLP', in_channels=128),
        query_generator=dict(type='LearnedQueryGenerator', audio='add', parity=True),
        decoder=dict(type='MaskedQueryDecoder', reads=('s32', 's16', 's8'), num_iterations=3),
    )
    return segmentor(backbone, dict(), head)


def vct_model(backbone='swin', num_classes=71, num_prototypes=71, image_size=384):
    """VCT: queries from the pixels, sound inside of the decoder."""
    head = dict(
        num_classes=num_classes,
        audio_source='map',
        audio_mlp=dict(type='AudioMLP', in_channels=512),
        query_generator=dict(
            type='PrototypePromptedQueryGenerator',
            image_size=image_size,
            num_prototypes=num_prototypes,
        ),
        decoder=dict(
            type='MaskedQueryDecoder',
            reads=('audio', 's32', 's16', 's8'),
            num_iterations=2,
            final_reads=('audio',),
        ),
        loss_pac=dict(type='PrototypeAudioContrast') if num_prototypes else None,
    )
    return segmentor(backbone, dict(with_fc=False), head)

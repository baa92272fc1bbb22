# Copyright (c) mmavs developers. All rights reserved.
"""Small models and batches for them, for tests and demos."""

from copy import deepcopy
from typing import Any

import torch
from mmengine.structures import PixelData
from torch import Tensor

from mmavs.structures import IGNORE_INDEX, AVSDataSample

_TINY_AVSEGFORMER = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor'),
    backbone=dict(type='mmseg.ResNet', depth=18, base_channels=8, norm_eval=False),
    audio_encoder=dict(
        type='VGGish', channels=(4, 8, 8, 8, 16, 16), fc_channels=(32, 32, 16), frozen=False
    ),
    decode_head=dict(
        type='AVSegFormerHead',
        num_classes=1,
        audio_channels=16,
        embed_dims=32,
        mlp_channels=32,
        pixel_decoder=dict(
            type='AVSegFormerPixelDecoder',
            in_channels=(8, 16, 32, 64),
            embed_dims=32,
            norm_cfg=dict(type='GN', num_groups=8),
            encoder=dict(
                num_layers=2,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=32, num_heads=4, num_levels=3, num_points=2, dropout=0.0
                    ),
                    ffn_cfg=dict(embed_dims=32, feedforward_channels=32, act_cfg=dict(type='GELU')),
                ),
            ),
        ),
        query_generator=dict(
            type='AudioQueryGenerator',
            num_queries=6,
            embed_dims=32,
            num_layers=2,
            num_heads=4,
            feedforward_channels=32,
        ),
        decoder=dict(
            type='MemoryDecoder',
            num_layers=2,
            embed_dims=32,
            num_heads=4,
            feedforward_channels=32,
            dropout=0.0,
        ),
        mixer=dict(type='ChannelMixer', embed_dims=32, num_heads=4),
        loss_mask=dict(type='BinaryMaskLoss'),
        loss_mix=dict(type='MixingLoss'),
    ),
)


def tiny_avsegformer(num_classes: int = 1) -> dict:
    """Config of an AVSegFormer with every part of the real one and about 0.1 M parameters.

    Args:
        num_classes (int): K. Defaults to 1.

    Returns:
        dict: For ``MODELS.build``. No dropout, so that two runs are alike.
    """
    config = deepcopy(_TINY_AVSEGFORMER)
    config['decode_head']['num_classes'] = num_classes
    if num_classes > 1:
        config['decode_head']['loss_mask'] = dict(type='SemanticMaskLoss')
    return config


_TINY_TPAVI_HEAD = dict(
    type='TPAVIHead',
    in_channels=(8, 16, 32, 64),
    num_classes=1,
    embed_dims=32,
    fusion=dict(type='TPAVI', embed_dims=32, audio_channels=16, group_frames=5),
    pixel_decoder=dict(type='RefineDecoder', num_levels=4, embed_dims=32),
    loss_mask=dict(type='BinaryMaskLoss', loss=dict(type='BinaryCrossEntropyLoss')),
    loss_avm=dict(type='AudioVisualMappingLoss'),
)


def tiny_tpavi(num_classes: int = 1) -> dict:
    """Config of a TPAVI with every part of the real one and about 0.4 M parameters.

    Args:
        num_classes (int): K; above 1 with the losses of AVSS. Defaults to 1.

    Returns:
        dict: For ``MODELS.build``.
    """
    config = dict(deepcopy(_TINY_AVSEGFORMER), decode_head=deepcopy(_TINY_TPAVI_HEAD))
    head = config['decode_head']
    head['num_classes'] = num_classes
    if num_classes > 1:
        head['fusion']['audio_bias'] = False
        head['loss_mask'] = dict(type='SemanticMaskLoss')
        head['loss_avm'].update(mask='classes', reduction='mean')
    return config


_TINY_QUERY_HEAD = dict(
    type='QueryMaskHead',
    embed_dims=32,
    pixel_decoder=dict(
        type='MSDeformPixelDecoder',
        in_channels=(8, 16, 32, 64),
        embed_dims=32,
        norm_cfg=dict(type='GN', num_groups=8),
        num_layers=1,
        num_heads=4,
        feedforward_channels=16,
    ),
    audio_mlp=dict(type='AudioMLP', in_channels=16, hidden_channels=16, embed_dims=32),
    decoder=dict(
        type='MaskedQueryDecoder',
        num_queries=6,
        embed_dims=32,
        num_heads=4,
        feedforward_channels=16,
    ),
)


def _tiny_query_model(num_classes: int) -> dict:
    """What tiny VCT and tiny COMBO share: both backbones, their gate, and most of the head."""
    config = deepcopy(_TINY_AVSEGFORMER)
    config['backbone']['norm_eval'] = True  # as official: frames never mix, not even in the norms
    config['maskige_backbone'] = deepcopy(config['backbone'])
    config['maskige_gate'] = dict(type='SiameseGate', channels=(8, 16, 32, 64), ratio=4)
    criterion = dict(type='MaskMatchingCriterion', num_classes=num_classes, num_points=32)
    config['decode_head'] = dict(
        deepcopy(_TINY_QUERY_HEAD), num_classes=num_classes, criterion=criterion
    )
    return config


def tiny_vct(num_classes: int = 2, image_size: int | tuple[int, int] = (64, 96)) -> dict:
    """Config of a VCT with every part of the real one and about 0.5 M parameters.

    Args:
        num_classes (int): K, background included. There is a prototype for each, taught by PAC.
            Defaults to 2.
        image_size (int | tuple[int, int]): Height and width of the padded frames. Defaults to
            (64, 96).

    Returns:
        dict: For ``MODELS.build``. Inputs need Maskiges.
    """
    config = _tiny_query_model(num_classes)
    config['audio_encoder']['with_fc'] = False
    head = config['decode_head']
    head['audio_source'] = 'map'
    head['query_generator'] = dict(
        type='PrototypePromptedQueryGenerator',
        image_size=image_size,
        num_queries=6,
        embed_dims=32,
        num_prototypes=num_classes,
    )
    head['decoder'].update(reads=('audio', 's32', 's16', 's8'), final_reads=('audio',))
    head['loss_pac'] = dict(type='PrototypeAudioContrast', embed_dims=32)
    return config


def tiny_combo(num_classes: int = 2) -> dict:
    """Config of a COMBO with every part of the real one and about 0.5 M parameters.

    Args:
        num_classes (int): K, background included. Defaults to 2.

    Returns:
        dict: For ``MODELS.build``. Inputs need Maskiges. No dropout; each query hears its own
        frame (``parity=False``), so that batching changes nothing.
    """
    config = _tiny_query_model(num_classes)
    head = config['decode_head']
    head['fusion'] = dict(
        type='BilateralFusion', visual_dims=32, audio_dims=16, embed_dims=32, num_heads=4, dropout=0
    )
    head['query_generator'] = dict(
        type='LearnedQueryGenerator', num_queries=6, embed_dims=32, audio='add', parity=False
    )
    head['decoder']['reads'] = ('s32', 's16', 's8')
    head['loss_consistency'] = dict(type='InterFrameConsistency')
    return config


_TINY_RAVS = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', size_divisor=32),
    backbone=dict(
        type='MixVisionTransformer', embed_dims=8, num_layers=(1, 1, 1, 1), num_heads=(1, 2, 4, 8)
    ),
    audio_encoder=deepcopy(_TINY_AVSEGFORMER['audio_encoder']),
    fusion=dict(
        type='AudioGuidedMerging',
        channels=(8, 16, 32),
        num_groups=(6, 4, 3),
        audio_channels=16,
        merging=dict(type='SoundGuidedMerging', num_heads=4, init_gain=1.0),
    ),
    decode_head=dict(
        type='RAVSHead',
        embed_dims=16,
        dropout=0.0,
        decoder=dict(type='MLPDecoder', in_channels=(8, 16, 32, 64), embed_dims=16),
        temporal=dict(type='TemporalAttention', embed_dims=16, num_heads=4),
        refinement=dict(type='UncertaintyRefinement'),
        loss_group=dict(type='GroupContrast'),
    ),
)


def tiny_ravs(num_classes: int = 2) -> dict:
    """Config of a RAVS with every part of the real one and about 0.2 M parameters.

    Args:
        num_classes (int): K, background included. Defaults to 2.

    Returns:
        dict: For ``MODELS.build``. No dropout.
    """
    config = deepcopy(_TINY_RAVS)
    config['decode_head']['num_classes'] = num_classes
    config['decode_head']['refinement']['divide'] = 'objects' if num_classes == 2 else 'classes'
    return config


def tiny_htsat(**settings: Any) -> dict:
    """Config of a narrow HTS-AT, whose vector and map have the channels of the tiny VGGish.

    It hears 4000 Hz; its map is 1 x 16 (frequency x time).

    Args:
        **settings (Any): Other arguments of :class:`HTSAT`.

    Returns:
        dict: For ``MODELS.build``. Trained, without drop path.
    """
    frontend = dict(
        type='DecibelMelFrontend',
        sample_rate=4000,
        window_length=128,
        hop_length=40,
        num_mels=16,
        mel_range=(50, 1900),
    )
    narrow = dict(
        type='HTSAT',
        frontend=frontend,
        frozen=False,
        num_mels=16,
        spec_size=64,
        base_channels=4,
        depths=(2, 1, 1),
        num_heads=(1, 2, 2),
        window_size=4,
        drop_path_rate=0.0,
    )
    return {**narrow, **settings}


def random_clip(
    num_frames: int = 5,
    size: tuple[int, int] = (64, 96),
    annotated: tuple[int, ...] | None = None,
    num_classes: int = 1,
    waveform: bool = False,
    seed: int = 0,
    maskige: bool = False,
) -> dict:
    """One packed item of random frames, sound and masks, as a dataset gives it.

    Args:
        num_frames (int): T. Defaults to 5.
        size (tuple[int, int]): Height and width. Defaults to (64, 96).
        annotated (tuple[int, ...], optional): Frames with a mask, all by default.
        num_classes (int): K; labels are 0 and 1 for K = 1. Defaults to 1.
        waveform (bool): Sound as a waveform (1, S) instead of log-mels. Defaults to False.
        seed (int): Defaults to 0.
        maskige (bool): Also Maskiges, of random colours as well. Defaults to False.

    Returns:
        dict: ``inputs`` and ``data_samples``.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=generator)

    if waveform:
        samples = 15600 + 15360 * (num_frames - 1)
        audio = torch.rand(1, samples, generator=generator) * 0.2 - 0.1
    else:
        audio = torch.randn(num_frames, 1, 96, 64, generator=generator)
    label = draw(0, max(num_classes, 2), num_frames, *size)
    flags = torch.zeros(num_frames, dtype=torch.bool)
    flags[list(range(num_frames) if annotated is None else annotated)] = True
    label[~flags] = IGNORE_INDEX
    sample = AVSDataSample(
        metainfo=dict(
            clip_id=f'clip{seed}',
            img_shape=size,
            ori_shape=size,
            frame_indices=list(range(num_frames)),
            num_clip_frames=num_frames,
        )
    )
    sample.gt_sem_seg = PixelData(data=label)
    sample.frame_valid = torch.ones(num_frames, dtype=torch.bool)
    sample.frame_annotated = flags
    inputs = dict(imgs=draw(0, 256, num_frames, 3, *size).to(torch.uint8), audio=audio)
    if maskige:
        inputs['maskige'] = draw(0, 256, num_frames, 3, *size).to(torch.uint8)
    return dict(inputs=inputs, data_samples=sample)


def annotated_frames(clip: dict) -> dict:
    """What a dataset with ``frames='annotated'`` gives for a clip of :func:`random_clip`.

    Args:
        clip (dict): A whole clip.

    Returns:
        dict: The frames that have a mask. A waveform stays that of the whole clip.
    """
    sample, inputs = clip['data_samples'], dict(clip['inputs'])
    kept = sample.frame_annotated.nonzero().squeeze(1)
    short = AVSDataSample(
        metainfo=dict(sample.metainfo, frame_indices=[sample.frame_indices[i] for i in kept])
    )
    short.gt_sem_seg = PixelData(data=sample.gt_sem_seg.data[kept])
    short.frame_valid = sample.frame_valid[kept]
    short.frame_annotated = sample.frame_annotated[kept]
    if 'gt_audio_labels' in sample:
        short.gt_audio_labels = sample.gt_audio_labels
    for name, value in inputs.items():
        if name != 'audio' or value.dim() > 2:
            inputs[name] = value[kept]
    return dict(inputs=inputs, data_samples=short)

# Copyright (c) mmavs developers. All rights reserved.
"""A segmentor whose right answer is known."""

import torch
from mmengine.config import Config
from mmseg.models.segmentors.base import BaseSegmentor
from torch import nn

from mmavs.models.audio import LogMelFrontend
from mmavs.models.segmentors import AVSegmentor
from mmavs.registry import MODELS


class LoudnessEncoder(nn.Module):
    """Hears how loud it is: the mean of the log-mel."""

    def __init__(self):
        super().__init__()
        self.frontend = LogMelFrontend()
        self.in_channels = 1

    def forward(self, audio, num_frames, frame_indices=None):
        if audio.ndim == 3:
            audio = self.frontend(audio.mean(1, keepdim=True), num_frames, frame_indices)
        return audio.flatten(0, 1).mean((1, 2, 3))


@MODELS.register_module(force=True)
class LoudBrightSegmentor(AVSegmentor):
    """Bright pixels sound wherever it is loud: a mask is right only with the right frame and sound.

    The score is the brightness in [0, 1] of the pixel, or with ``maskige`` of that of its Maskige,
    if loud, else 0.
    """

    def __init__(
        self, data_preprocessor=None, test_cfg=None, train_cfg=None, width=3, maskige=False
    ):
        BaseSegmentor.__init__(self, data_preprocessor=data_preprocessor)
        self.test_cfg = {'threshold': 0.5, **(test_cfg or {})}
        self.maskige_backbone = nn.Identity() if maskige else None
        self.audio_encoder = LoudnessEncoder()
        self.layer = nn.Linear(width, 2)
        self.calls = []

    def encode_decode(self, inputs, data_samples=None):
        imgs, audio = self._image_streams(inputs)[-1], inputs['audio']
        self.calls.append((tuple(imgs.shape), tuple(audio.shape)))
        loud = self.audio_encoder(audio, imgs.shape[1]) > -4.0
        brightness = imgs.flatten(0, 1).mean(1, keepdim=True).clamp(1e-4, 1 - 1e-4)
        return torch.where(loud[:, None, None, None], torch.logit(brightness), -20.0)


def toy_config(size=32, width=3, maskige=False, **test_cfg):
    pipeline = [
        dict(type='LoadClipFrames'),
        *[dict(type='LoadClipMaskiges')] * maskige,
        dict(type='LoadClipMasks'),
        dict(type='LoadClipAudio'),
        dict(
            type='ClipBroadcaster',
            transforms=[dict(type='Resize', scale=(size, size), backend='pillow')],
        ),
        dict(type='PackAVSInputs'),
    ]
    return Config(
        dict(
            default_scope='mmavs',
            model=dict(
                type='LoudBrightSegmentor',
                width=width,
                maskige=maskige,
                test_cfg=test_cfg,
                data_preprocessor=dict(
                    type='AVSDataPreprocessor', mean=[0] * 3, std=[255] * 3, size_divisor=1
                ),
            ),
            test_dataloader=dict(dataset=dict(type='AVSBenchS4Dataset', pipeline=pipeline)),
        )
    )

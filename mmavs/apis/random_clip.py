# Copyright (c) mmavs developers. All rights reserved.
"""Random clips in the size that a config reads, to count and to measure with."""

import torch
from mmengine.config import Config
from torch import Tensor, nn

from .inference import needs_maskige, pipeline_of_test


def config_size(config: Config) -> tuple[int, int]:
    """Height and width that the test pipeline of a config resizes to.

    Raises:
        ValueError: If it does not resize to one size.
    """
    steps = pipeline_of_test(config)
    steps += [inner for step in steps for inner in step.get('transforms', ())]
    scales = [step['scale'] for step in steps if isinstance(step.get('scale'), (tuple, list))]
    if len(scales) != 1:
        raise ValueError(
            f'The test pipeline of {config.filename} has {len(scales)} transforms with a scale, '
            'so the size of the frames is not clear: give --size H W.'
        )
    width, height = scales[0]
    return height, width


def random_inputs(
    model: nn.Module,
    frames: int,
    size: tuple[int, int],
    audio: str = 'waveform',
    batch_size: int = 1,
) -> dict[str, list[Tensor]]:
    """Clips of random frames and sound, as a data loader gives them.

    Args:
        model (nn.Module): An ``AVSegmentor``.
        frames (int): T.
        size (tuple[int, int]): Height and width, before padding.
        audio (str): ``'waveform'``, a second a frame, or ``'logmel'``. Defaults to ``'waveform'``.
        batch_size (int): Clips. Defaults to 1.

    Returns:
        dict[str, list[Tensor]]: For the data preprocessor, one a clip: ``imgs`` (T, 3, H, W) uint8,
        ``audio`` (C, S) or (T, C, time, mel), and, where it is read, ``maskige`` like ``imgs``.
    """
    encoder = model.audio_encoder
    channels = encoder.in_channels
    inputs: dict[str, list[Tensor]] = dict(imgs=[], audio=[])
    for _ in range(batch_size):
        imgs = torch.randint(0, 256, (frames, 3, *size), dtype=torch.uint8)
        inputs['imgs'].append(imgs)
        if audio == 'waveform':
            sound = torch.rand(channels, frames * encoder.frontend.sample_rate) * 0.2 - 0.1
        elif encoder.frontend is None:
            sound = torch.randn(frames, channels, 96, 64)
        else:
            examples = torch.rand(frames, channels, encoder.frontend.example_samples)
            sound = encoder.frontend.log_mel(examples * 0.2 - 0.1)
        inputs['audio'].append(sound)
        if needs_maskige(model):
            inputs.setdefault('maskige', []).append(torch.randint_like(imgs, 256))
    return inputs

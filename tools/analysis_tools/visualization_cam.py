# Copyright (c) mmavs developers. All rights reserved.
"""Draw which places of frames and which parts of the sound a prediction rests on (Grad-CAM).

Example:
    python tools/analysis_tools/visualization_cam.py CONFIG CHECKPOINT --num-clips 4
"""

import argparse
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from mmavs.apis.clip_pictures import add_clip_arguments, draw_clips, parse_clip_args
from mmavs.apis.grad_cam import class_index, clip_cams
from mmavs.visualization import AVSCamVisualizer

TOOL = 'tools/analysis_tools/visualization_cam.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_clip_arguments(parser, 'cam')
    parser.add_argument(
        '--class',
        dest='label',
        metavar='NAME',
        help='name or number of the class that is asked about. Default: of each frame the one that '
        'most of its pixels are predicted as',
    )
    parser.add_argument(
        '--layer',
        default='backbone',
        metavar='NAME',
        help='gives the maps of the frames; of several the last. Default: backbone',
    )
    parser.add_argument(
        '--audio-layer',
        default='audio_encoder.features',
        metavar='NAME',
        help='gives the maps of the sound, (N, C, time, frequency). Default: '
        'audio_encoder.features, the last one of VGGish',
    )
    return parse_clip_args(parser, 'cam')


@torch.no_grad()
def heard_examples(model: nn.Module, audio: Tensor, num_frames: int) -> np.ndarray:
    """The log-mel examples (T, C, 96, 64) that the audio encoder hears, from either kind of audio.

    Args:
        model (nn.Module): With ``audio_encoder``.
        audio (Tensor): (1, C, S) waveform, or (1, T, C, 96, 64) log-mel.
        num_frames (int): T.
    """
    if audio.ndim == 3:
        audio = model.audio_encoder.frontend(audio, num_frames, None)
    return audio[0].cpu().numpy()


def draw(
    model: nn.Module,
    visualizer: AVSCamVisualizer,
    item: dict[str, Any],
    args: argparse.Namespace,
) -> tuple[str, np.ndarray]:
    """Name and picture of a clip."""
    data = model.data_preprocessor(pseudo_collate([item]), False)
    inputs, samples = data['inputs'], data['data_samples']
    names = visualizer.classes
    label = class_index(names, args.label)
    cams = clip_cams(model, inputs, samples, args.layer, args.audio_layer, label)
    frames = item['inputs']['imgs']
    height, width = frames.shape[-2:]
    padded = F.interpolate(cams.frames[None], inputs['imgs'].shape[-2:], mode='bilinear')[0]
    with torch.no_grad():
        (sample,) = model(**data, mode='predict')
    sample = sample.cpu()
    return sample.metainfo['clip_id'], visualizer.draw_cams(
        sample.metainfo['clip_id'],
        frames,
        padded[:, :height, :width].numpy(),
        cams.sound.numpy(),
        heard_examples(model, inputs['audio'], len(frames)),
        [names[k] if k < len(names) else str(k) for k in cams.classes],
        sample,
        item['inputs']['audio'],
        sample.metainfo.get('sample_rate'),
    )


def main() -> None:
    """Draw and write."""
    args = parse_args()
    visualizer = AVSCamVisualizer(name='cam', max_width=args.max_width)
    draw_clips(
        TOOL,
        args,
        visualizer,
        lambda model: None,
        lambda model, item: draw(model, visualizer, item, args),
    )


if __name__ == '__main__':
    main()

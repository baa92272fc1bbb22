# Copyright (c) mmavs developers. All rights reserved.
"""Draw which places of frames and which parts of the sound a prediction rests on (Grad-CAM).

Example:
    python tools/analysis_tools/visualization_cam.py CONFIG CHECKPOINT --num-clips 4
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import DictAction
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from PIL import Image
from torch import Tensor, nn

from mmavs.apis import init_model
from mmavs.apis.grad_cam import class_index, clip_cams
from mmavs.apis.test_clips import build_test_sets, find_clips
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.progress import progress_bar
from mmavs.visualization import AVSCamVisualizer

TOOL = 'tools/analysis_tools/visualization_cam.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out-dir', type=Path, help='default: work_dirs/cam/<config>')
    parser.add_argument('--num-clips', type=int, default=8, help='the first ones; 0: all')
    parser.add_argument(
        '--clip', action='append', metavar='NAME', help='this clip instead; may be given again'
    )
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
        help='gives the maps of the sound, time x frequency. Default: audio_encoder.features, the '
        'last one of VGGish',
    )
    parser.add_argument('--max-width', type=int, default=1600, help='of the pictures, in pixels')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')
    args = parser.parse_args()
    if args.num_clips < 0 or args.max_width < 1:
        parser.error('--num-clips must be at least 0, --max-width at least 1')
    if args.out_dir is None:
        args.out_dir = Path('work_dirs', 'cam', Path(args.config).stem)
    return args


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
    try:
        device = args.device or get_device()
        model = init_model(args.config, args.checkpoint, device, args.cfg_options)
        places = find_clips(build_test_sets(model.cfg), args.clip, args.num_clips)
        visualizer = AVSCamVisualizer(name='cam', max_width=args.max_width)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        with progress_bar() as bar:
            for number, data_set, index in bar.track(places, description='clips'):
                visualizer.dataset_meta = data_set.metainfo
                name, picture = draw(model, visualizer, data_set[index], args)
                file = f'{number:05d}_{name.replace("/", "_")}.png'
                Image.fromarray(picture).save(args.out_dir / file)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    print(f'{len(places)} pictures: {args.out_dir}')


if __name__ == '__main__':
    main()

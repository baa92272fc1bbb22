# Copyright (c) mmavs developers. All rights reserved.
"""Parameters and operations of a model, by part, for a clip with its sound.

One multiplication with its addition is one operation. Weights are random: nothing is downloaded.

Example:
    python tools/analysis_tools/get_flops.py
        configs/avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-224x224.py --frames 5
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from prettytable import PrettyTable
from torch import Tensor, nn

from mmavs.apis import init_model
from mmavs.apis.inference import needs_maskige, pipeline_of_test
from mmavs.utils.cli import fail
from mmavs.utils.complexity import Complexity, count_flops


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--frames', type=int, default=5, metavar='T', help='of the clip. Default: 5'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='of the frames in pixels. Default: that of the test pipeline',
    )
    parser.add_argument(
        '--audio',
        choices=['waveform', 'logmel'],
        default='waveform',
        help='what the audio encoder gets: a second of sound a frame, or log-mel examples',
    )
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the numbers, too')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. model.decode_head.num_classes=71',
    )
    return parser.parse_args(argv)


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


def clip_inputs(
    model: nn.Module, frames: int, size: tuple[int, int], audio: str
) -> dict[str, Tensor]:
    """A clip of random frames and sound, as the data preprocessor gives it.

    Args:
        model (nn.Module): An ``AVSegmentor``.
        frames (int): T.
        size (tuple[int, int]): Height and width, before padding.
        audio (str): ``'waveform'`` or ``'logmel'``.

    Returns:
        dict[str, Tensor]: ``imgs`` (1, T, 3, H, W), ``audio`` (1, C, S) or (1, T, C, time, mel),
        and, where the model reads it, ``maskige`` (1, T, 3, H, W).
    """
    encoder = model.audio_encoder
    channels = encoder.in_channels
    if audio == 'waveform':
        sound = torch.rand(channels, frames * encoder.frontend.sample_rate) * 0.2 - 0.1
    elif encoder.frontend is None:
        sound = torch.randn(frames, channels, 96, 64)
    else:
        examples = torch.rand(frames, channels, encoder.frontend.example_samples)
        sound = encoder.frontend.log_mel(examples * 0.2 - 0.1)
    imgs = torch.randint(0, 256, (frames, 3, *size), dtype=torch.uint8)
    inputs = dict(imgs=[imgs], audio=[sound])
    if needs_maskige(model):
        inputs['maskige'] = [torch.randint_like(imgs, 256)]
    return model.data_preprocessor(dict(inputs=inputs))['inputs']


def table(complexity: Complexity, frames: int) -> str:
    """One row a part: parameters in millions, operations in 10^9."""
    rows = PrettyTable(
        ['part', 'parameters (M)', 'trainable (M)', 'GFLOPs a clip', 'GFLOPs a frame'], align='r'
    )
    rows.align['part'] = 'l'
    for name in (*complexity.parts, ''):
        trainable, flops = complexity.trainable[name], complexity.flops[name]
        rows.add_row(
            [
                '  ' * name.count('.') + name.split('.')[-1] if name else 'all',
                f'{(trainable + complexity.frozen[name]) / 1e6:.2f}',
                f'{trainable / 1e6:.2f}',
                f'{flops / 1e9:.2f}',
                f'{flops / frames / 1e9:.2f}',
            ],
            divider=name == complexity.parts[-1],
        )
    return rows.get_string()


def as_dict(complexity: Complexity, frames: int) -> dict[str, Any]:
    """The numbers for a JSON file."""
    parts = {
        name or 'all': dict(
            parameters=complexity.trainable[name] + complexity.frozen[name],
            trainable=complexity.trainable[name],
            frozen=complexity.frozen[name],
            flops=complexity.flops[name],
            flops_per_frame=complexity.flops[name] / frames,
        )
        for name in ('', *complexity.parts)
    }
    return dict(parts=parts, operators=complexity.operators, uncounted=complexity.uncounted)


def main(argv: list[str] | None = None) -> None:
    """Count, print, and write if asked to."""
    args = parse_args(argv)
    try:
        if args.frames < 1:
            raise ValueError(f'--frames must be at least 1, got {args.frames}.')
        config = Config.fromfile(args.config)
        if args.cfg_options is not None:
            config.merge_from_dict(args.cfg_options)
        model = init_model(config)
        size = tuple(args.size or config_size(config))
        inputs = clip_inputs(model, args.frames, size, args.audio)
    except (OSError, ValueError) as error:
        fail('tools/analysis_tools/get_flops.py', error)
    complexity = count_flops(model, inputs)
    shapes = {name: tuple(value.shape) for name, value in inputs.items()}
    print(f'{args.config}\ninputs: {shapes}\n{table(complexity, args.frames)}')
    uncounted = ', '.join(f'{name.removeprefix("aten::")}' for name in complexity.uncounted)
    print(f'One multiplication with its addition is one FLOP. Not counted: {uncounted}.')
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        content = dict(config=args.config, inputs=shapes, **as_dict(complexity, args.frames))
        args.out.write_text(json.dumps(content, indent=2) + '\n')
        print(f'Written to {args.out}')


if __name__ == '__main__':
    main()

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

from mmengine.config import Config, DictAction
from prettytable import PrettyTable

from mmavs.apis import init_model
from mmavs.apis.random_clip import config_size, random_inputs
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
        raw = random_inputs(model, args.frames, size, args.audio)
        inputs = model.data_preprocessor(dict(inputs=raw))['inputs']
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

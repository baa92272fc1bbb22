# Copyright (c) mmavs developers. All rights reserved.
"""Print a config as it is after inheritance and ``--cfg-options``, or the model that it makes.

Example:
    python tools/misc/print_config.py
        configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py
        --key model.decode_head.query_generator
"""

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmavs.apis import init_model
from mmavs.utils.cli import fail

TOOL = 'tools/misc/print_config.py'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--key',
        metavar='A.B.C',
        help='only this part; numbers count in lists, e.g. test_pipeline.0',
    )
    parser.add_argument(
        '--graph', action='store_true', help='build the model and print its modules, too'
    )
    parser.add_argument('--out', type=Path, metavar='FILE.py', help='write the whole config, too')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change settings'
    )
    args = parser.parse_args(argv)
    if args.out is not None and args.out.suffix not in ('.py', '.json', '.yaml', '.yml'):
        parser.error(
            f'--out expects a file that ends with .py, .json, .yaml or .yml, got {args.out}'
        )
    return args


def part_of(config: Config, key: str) -> Any:
    """The value at a dotted key.

    Args:
        config (Config): Where to look.
        key (str): Such as ``model.decode_head`` or ``test_pipeline.0.type``.

    Returns:
        Any: Dict, list or plain value.

    Raises:
        ValueError: If it is not there; names what is there instead.
    """
    value: Any = config
    done: list[str] = []
    for name in key.split('.'):
        place = '.'.join(done) or 'the config'
        if isinstance(value, (list, tuple)):
            if not name.isdigit() or int(name) >= len(value):
                raise ValueError(f'--key {key}: {place} is a list of {len(value)}, not "{name}".')
            value = value[int(name)]
        elif isinstance(value, (dict, Config)):
            if name not in value:
                raise ValueError(
                    f'--key {key}: {place} has no "{name}"; it has {", ".join(value)}.'
                )
            value = value[name]
        else:
            raise ValueError(f'--key {key}: {place} is {value!r}, which has no parts.')
        done.append(name)
    return value


def as_text(value: Any, key: str | None) -> str:
    """A part of a config as Python text, the whole one as mmengine writes it."""
    if isinstance(value, Config):
        return value.pretty_text
    name = key.replace('.', '_')
    return Config({name: value}).pretty_text


def main(argv: list[str] | None = None) -> None:
    """Print what was asked for."""
    args = parse_args(argv)
    try:
        config = Config.fromfile(args.config)
        config.merge_from_dict(args.cfg_options or {})
        print(as_text(part_of(config, args.key) if args.key else config, args.key).rstrip())
        if args.graph:
            print(init_model(config))
        if args.out is not None:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            config.dump(args.out)
            print(f'# written to {args.out}')
    except (OSError, ValueError) as error:
        fail(TOOL, error)


if __name__ == '__main__':
    main()

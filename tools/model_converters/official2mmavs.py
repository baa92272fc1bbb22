# Copyright (c) mmavs developers. All rights reserved.
"""Convert an official checkpoint to mmavs.

Example:
    python tools/model_converters/official2mmavs.py --method avsegformer S4_res50.pth s4_r50.pth
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from mmavs import __version__
from mmavs.apis.inference import without_pretrained
from mmavs.converters import CONVERTERS, Conversion, unwrap_state_dict
from mmavs.registry import MODELS
from mmavs.utils.checkpoint import load_checkpoint_file

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SHOWN_KEYS = 5
MODEL_CONFIGS = {
    'avsegformer': {
        'backbone.conv1.': 'avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-224x224.py',
        'backbone.patch_embed.': 'avsegformer/avsegformer_pvt-v2-b5_vggish_1xb2-30e_s4-224x224.py',
    }
}
"""dict[str, dict[str, str]]: By method, a prefix of converted names and the config with that
backbone. The names of its tensors are the same for all tasks and sizes."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Convert an official checkpoint to mmavs')
    parser.add_argument('src', type=Path, help='official checkpoint')
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    parser.add_argument('--method', required=True, choices=sorted(CONVERTERS))
    parser.add_argument('--force', action='store_true', help='overwrite DST if it exists')
    return parser.parse_args(argv)


def check_complete(method: str, state_dict: Mapping[str, Tensor], source: Path) -> None:
    """Refuse a converted file that does not fill the model.

    Args:
        method (str): Key of ``MODEL_CONFIGS``.
        state_dict (Mapping[str, Tensor]): Converted.
        source (Path): The official file, for the error.

    Raises:
        ValueError: If tensors of the model are missing or left over.
    """
    configs = MODEL_CONFIGS[method]
    known = [p for p in configs if any(name.startswith(p) for name in state_dict)]
    if len(known) != 1:
        raise ValueError(
            f'{source} is incomplete: it has the tensors of no backbone of {method}, or of '
            f'several (after conversion one of {", ".join(configs)} is expected).'
        )
    config = Config.fromfile(CONFIGS / configs[known[0]])
    init_default_scope('mmavs')
    with torch.device('meta'):  # names only: no memory, no weights
        wanted = MODELS.build(without_pretrained(config.model)).state_dict().keys()
    missing = [name for name in wanted if name not in state_dict]
    strange = [name for name in state_dict if name not in wanted]
    if missing:
        raise ValueError(
            f'{source} is incomplete: of the {len(wanted)} tensors of the model it lacks '
            f'{len(missing)}, by their names in mmavs: {_shown(missing)}.'
        )
    if strange:
        raise ValueError(f'{source} has tensors that the model lacks: {_shown(strange)}.')


def _shown(names: list[str]) -> str:
    return ', '.join(names[:SHOWN_KEYS]) + (', ...' if len(names) > SHOWN_KEYS else '')


def report(conversion: Conversion) -> str:
    """What was renamed and what was dropped, why, in a few lines."""
    lines = [f'{len(conversion.renamed)} tensors renamed, {len(conversion.dropped)} dropped']
    groups = Counter(
        ('.'.join(name.split('.')[:2]), reason) for name, reason in conversion.dropped.items()
    )
    lines += [f'  dropped {n:4d} {prefix}.*: {reason}' for (prefix, reason), n in groups.items()]
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> None:
    """Read, convert, write, report."""
    args = parse_args(argv)
    if args.dst.exists() and not args.force:
        raise FileExistsError(f'{args.dst} exists. Choose another name, or pass --force.')
    state_dict = unwrap_state_dict(load_checkpoint_file(args.src))
    conversion = CONVERTERS[args.method](state_dict)
    check_complete(args.method, conversion.state_dict, args.src)
    args.dst.parent.mkdir(parents=True, exist_ok=True)
    meta = dict(converted_from=args.src.name, method=args.method, mmavs_version=__version__)
    torch.save(dict(meta=meta, state_dict=conversion.state_dict), args.dst)
    print(f'{report(conversion)}\nWritten to {args.dst}')


if __name__ == '__main__':
    main()

# Copyright (c) mmavs developers. All rights reserved.
"""Convert an audio encoder HTS-AT of its authors or of CLAP to mmavs, or to its authors' names.

init_cfg=dict(type='Pretrained', checkpoint=...) of HTSAT takes the files as they are; a converted
one holds the encoder alone, without optimiser and classifiers.

Example:
    python tools/model_converters/htsat2mmavs.py HTSAT_AudioSet_Saved_1.ckpt htsat.pth
    python tools/model_converters/htsat2mmavs.py --reverse work_dirs/mine/epoch_30.pth mine.ckpt
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmavs import __version__
from mmavs.converters import Conversion, convert_htsat, htsat_rules, read, report, revert
from mmavs.converters.htsat import LIGHTNING
from mmavs.models.audio import HTSAT
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.meta_tensors import meta_tensors
from mmavs.utils.weights import mismatch

TOOL = 'tools/model_converters/htsat2mmavs.py'
ENCODER = 'audio_encoder.'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, help='.ckpt, .pth, .bin or .safetensors to read')
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    parser.add_argument(
        '--reverse',
        action='store_true',
        help="write by the authors' names; SRC is an encoder of mmavs, or a model that holds one",
    )
    parser.add_argument('--force', action='store_true', help='overwrite DST if it exists')
    return parser.parse_args(argv)


def check_complete(state_dict: Mapping[str, Tensor], source: Path) -> None:
    """Refuse tensors that are not exactly those of the encoder.

    Raises:
        ValueError: If there are others, or others are there.
    """
    with meta_tensors():
        wanted = HTSAT().state_dict()
    problems = mismatch(state_dict, wanted)
    if problems:
        raise ValueError(f'{source} holds no complete HTS-AT. By its names in mmavs, {problems}.')


def encoder_of(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder in a checkpoint of mmavs, which may hold a whole model."""
    inside = {
        name.removeprefix(ENCODER): tensor
        for name, tensor in state_dict.items()
        if name.startswith(ENCODER)
    }
    return inside or dict(state_dict)


def to_ours(source: Path) -> tuple[Conversion, dict[str, Any]]:
    """What was done with a foreign file, and the checkpoint to write."""
    conversion = read(source, convert_htsat)
    check_complete(conversion.state_dict, source)
    meta = dict(converted_from=source.name, mmavs_version=__version__)
    return conversion, dict(meta=meta, state_dict=conversion.state_dict)


def to_official(source: Path) -> tuple[Conversion, dict[str, Any]]:
    """What was done with a file of ours, and the checkpoint to write."""
    state_dict = read(source, encoder_of)
    check_complete(state_dict, source)
    conversion = revert(state_dict, htsat_rules(LIGHTNING, ours=''))
    return conversion, dict(state_dict=conversion.state_dict)


def main(argv: list[str] | None = None) -> None:
    """Read, convert, write, report."""
    args = parse_args(argv)
    try:
        if args.dst.exists() and not args.force:
            raise FileExistsError(f'{args.dst} exists. Choose another name, or pass --force.')
        conversion, checkpoint = (to_official if args.reverse else to_ours)(args.src)
        args.dst.parent.mkdir(parents=True, exist_ok=True)
        torch.save(checkpoint, args.dst)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail(TOOL, error)
    print(f'{report(conversion)}\nWritten to {args.dst}')
    if args.reverse:
        print(
            'It has neither classifiers nor fixed matrices of the front end: load it with '
            'strict=False, as the official code does.'
        )


if __name__ == '__main__':
    main()

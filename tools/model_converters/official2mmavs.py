# Copyright (c) mmavs developers. All rights reserved.
"""Convert an official checkpoint to mmavs, or back.

Example:
    python tools/model_converters/official2mmavs.py --method avsegformer S4_res50.pth s4_r50.pth
    python tools/model_converters/official2mmavs.py --method tpavi --vggish vggish-10086976.pth
        S4_resnet_best.pth tpavi_s4_r50.pth
    python tools/model_converters/official2mmavs.py --reverse --method avsegformer
        work_dirs/mine/epoch_30.pth mine_official.pth
"""

import argparse
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from mmavs import __version__
from mmavs.apis.inference import without_pretrained
from mmavs.converters import (
    CONVERTERS,
    Conversion,
    Converter,
    convert,
    read,
    report,
    vggish_rules,
)
from mmavs.registry import MODELS
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.meta_tensors import meta_tensors
from mmavs.utils.weights import mismatch

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
MODEL_CONFIGS = {
    'avsegformer': dict(
        resnet='avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-224x224.py',
        pvt='avsegformer/avsegformer_pvt-v2-b5_vggish_1xb2-30e_s4-224x224.py',
    ),
    'tpavi': dict(
        resnet='tpavi/tpavi_r50_vggish_1xb4-15e_s4-224x224.py',
        pvt='tpavi/tpavi_pvt-v2-b5_vggish_1xb4-15e_s4-224x224.py',
    ),
    'combo': dict(
        resnet='combo/combo_r50_vggish_1xb8-90k_s4-224x224.py',
        pvt='combo/combo_pvt-v2-b5_vggish_1xb8-90k_s4-224x224.py',
    ),
    'vct': dict(
        resnet='vct/vct_r50_vggish_1xb16-45k_avss-224x224.py',
        pvt='vct/vct_pvt-v2-b5_vggish_1xb8-45k_avss-224x224.py',
        swin='vct/vct_swin-b_vggish_1xb8-45k_avss-384x384.py',
    ),
}
"""dict[str, dict[str, str]]: A config of each method and backbone, of any size."""


_SWIN_TABLE = 'stages.0.blocks.0.attn.w_msa.relative_position_bias_table'


def vct_settings(num_classes: int, state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """Sizes of picture and window, and prototypes, which MS3 has not."""
    queries = 'decode_head.query_generator.'
    prototypes = state_dict.get(f'{queries}prototypes.weight')
    mixer = state_dict.get(f'{queries}query_mixer.layers.0.weight')
    settings: dict[str, Any] = {
        f'{queries}num_prototypes': None if prototypes is None else len(prototypes)
    }
    if prototypes is None:
        settings['decode_head.loss_pac'] = None
    if mixer is not None:
        settings[f'{queries}image_size'] = 4 * math.isqrt(mixer.shape[1])  # one weight a cell
    for backbone in ('backbone', 'maskige_backbone'):
        table = state_dict.get(f'{backbone}.{_SWIN_TABLE}')
        if table is not None:  # (2w - 1)^2 rows
            settings[f'{backbone}.window_size'] = (math.isqrt(len(table)) + 1) // 2
    return settings


FILE_SETTINGS = {
    'tpavi': lambda num_classes, _: {'decode_head.fusion.audio_bias': num_classes == 1},
    'vct': vct_settings,
}
"""dict[str, Callable]: Settings of a model that its file decides, from K and the tensors."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, help='checkpoint to read: official; with --reverse, ours')
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    parser.add_argument('--method', required=True, choices=sorted(CONVERTERS))
    parser.add_argument(
        '--reverse', action='store_true', help='write an official file from one of mmavs'
    )
    vggish = parser.add_mutually_exclusive_group()
    vggish.add_argument(
        '--vggish',
        type=Path,
        metavar='FILE',
        help='official VGGish (vggish-10086976.pth), for methods whose files do not hold it',
    )
    vggish.add_argument(
        '--without-vggish',
        action='store_true',
        help='write a file without audio encoder, for load_from: the config loads VGGish then',
    )
    parser.add_argument('--force', action='store_true', help='overwrite DST if it exists')
    args = parser.parse_args(argv)
    lacks_vggish = bool(CONVERTERS[args.method].extras) and not args.reverse
    if lacks_vggish and not (args.vggish or args.without_vggish):
        parser.error(
            f'files of {args.method} hold no VGGish. Add it with --vggish vggish-10086976.pth, or '
            'say --without-vggish for a file that only load_from in training can use'
        )
    if not lacks_vggish and (args.vggish or args.without_vggish):
        parser.error(
            '--vggish and --without-vggish are for official files that hold no VGGish, '
            f'not for {args.method}{" --reverse" if args.reverse else ""}'
        )
    return args


def model_tensors(
    method: str, backbone: str, num_classes: int, state_dict: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Names and shapes of the tensors of our model.

    Args:
        method (str): Key of ``MODEL_CONFIGS``.
        backbone (str): Likewise.
        num_classes (int): K.
        state_dict (Mapping[str, Tensor]): What the file holds, by our names.

    Returns:
        dict[str, Tensor]: On the meta device: no memory, no weights.
    """
    config = Config.fromfile(CONFIGS / MODEL_CONFIGS[method][backbone])
    model = Config(dict(model=without_pretrained(config.model)))
    settings: dict[str, Any] = {'decode_head.num_classes': num_classes}
    if method in FILE_SETTINGS:
        settings.update(FILE_SETTINGS[method](num_classes, state_dict))
    model.merge_from_dict({f'model.{key}': value for key, value in settings.items()})
    init_default_scope('mmavs')
    with meta_tensors():
        return MODELS.build(model.model).state_dict()


def check_complete(
    method: str, state_dict: Mapping[str, Tensor], source: Path, without_extras: bool
) -> str:
    """Refuse tensors of ours that are not exactly those of the model.

    Args:
        method (str): Key of ``MODEL_CONFIGS``.
        state_dict (Mapping[str, Tensor]): By our names.
        source (Path): The file, for the error.
        without_extras (bool): Whether parts that official files do not hold are left out of this.

    Returns:
        str: The model that fits, in words.

    Raises:
        ValueError: If names or shapes differ.
    """
    converter = CONVERTERS[method]
    backbone = converter.backbone_of(state_dict)
    if backbone is None or converter.classifier not in state_dict:
        raise ValueError(
            f'{source} is no checkpoint of {method} in this direction, or is incomplete: by its '
            f'names in mmavs it lacks the backbone ({" or ".join(converter.backbones)}) or '
            f'{converter.classifier}.'
        )
    num_classes = converter.num_classes(state_dict)
    wanted = model_tensors(method, backbone, num_classes, state_dict)
    if without_extras:
        state_dict, wanted = (_without_extras(converter, part) for part in (state_dict, wanted))
    model = f'{method} with {backbone} and K = {num_classes}'
    problems = mismatch(state_dict, wanted)
    if problems:
        raise ValueError(
            f'{source} is not a complete checkpoint of {model}. Of {len(wanted)} tensors, by their '
            f'names in mmavs, {problems}.'
        )
    return model


def _without_extras(converter: Converter, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefixes = tuple(rule.ours for rule in converter.extras)
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefixes)}


def to_ours(args: argparse.Namespace) -> tuple[Conversion, dict[str, Any], str]:
    """Read an official file.

    Returns:
        tuple: What was done, the checkpoint to write, and the model in words.
    """
    conversion = read(args.src, CONVERTERS[args.method])
    if args.vggish:
        vggish = read(args.vggish, partial(convert, rules=vggish_rules()))
        conversion.state_dict.update(vggish.state_dict)
        conversion.renamed.update(vggish.renamed)
        conversion.dropped.update(vggish.dropped)
    model = check_complete(args.method, conversion.state_dict, args.src, args.without_vggish)
    meta = dict(converted_from=args.src.name, method=args.method, mmavs_version=__version__)
    return conversion, dict(meta=meta, state_dict=conversion.state_dict), model


def to_official(args: argparse.Namespace) -> tuple[Conversion, dict[str, Any], str]:
    """Read a file of ours.

    Returns:
        tuple: What was done, the checkpoint to write, and the model in words.
    """
    state_dict = read(args.src, dict)
    model = check_complete(args.method, state_dict, args.src, without_extras=True)
    conversion = CONVERTERS[args.method].revert(state_dict)
    return conversion, conversion.state_dict, model


def main(argv: list[str] | None = None) -> None:
    """Read, convert, write, report."""
    args = parse_args(argv)
    try:
        if args.dst.exists() and not args.force:
            raise FileExistsError(f'{args.dst} exists. Choose another name, or pass --force.')
        conversion, checkpoint, model = (to_official if args.reverse else to_ours)(args)
        args.dst.parent.mkdir(parents=True, exist_ok=True)
        torch.save(checkpoint, args.dst)
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        fail('tools/model_converters/official2mmavs.py', error)
    print(f'{report(conversion)}\nWritten to {args.dst}: {model}')
    if args.without_vggish:
        print(
            'It holds no audio encoder: use it as load_from in training, where the config loads '
            'VGGish. Testing and inference refuse it.'
        )


if __name__ == '__main__':
    main()

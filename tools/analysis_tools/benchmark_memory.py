# Copyright (c) mmavs developers. All rights reserved.
"""What activation checkpointing and mixed precision save of a model's activations, without a GPU.

Counts every tensor that one training step makes, on random frames: those still there after the
forward pass («kept», for the backward pass), and the most at any moment up to the end of the
backward pass («peak», gradients of the parameters included). Also how much more is computed
(«FLOPs», of matrix products and convolutions). It is no forecast of a GPU's memory, which holds
weights, optimizer states and workspace besides, and whose kernels keep other things.

Example:
    python tools/analysis_tools/benchmark_memory.py
        configs/avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-512x512.py --size 512
        --modules decode_head.map_mlp decode_head.decoder.layers
"""

import argparse
from copy import deepcopy

import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmavs.registry import MODELS
from mmavs.testing.live_bytes import MEBIBYTE, measure
from mmavs.testing.tiny import random_clip
from mmavs.utils.activation_checkpointing import turn_on_activation_checkpointing


def count_flops(model: nn.Module, data: dict) -> int:
    """FLOPs of the same step; a run of its own, since counting them lets tensors live longer."""
    with FlopCounterMode(display=False) as flops:
        sum(model(**data, mode='loss').values()).backward()
    return flops.get_total_flops()


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('--size', type=int, default=224, help='height and width in pixels')
    parser.add_argument('--frames', type=int, default=1, help='frames of the one clip')
    parser.add_argument(
        '--modules',
        nargs='+',
        metavar='NAME',
        help='modules to checkpoint, one at a time and then all, as in the config key '
        'activation_checkpointing. Default: the backbone and the parts of the decode head',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. model.backbone.with_cp=True',
    )
    return parser.parse_args()


def default_modules(model: nn.Module) -> list[str]:
    """The backbone, and the parts of the decode head that have weights."""
    weighty = [
        n for n, m in model.decode_head.named_children() if any(True for _ in m.parameters())
    ]
    return ['backbone', *(f'decode_head.{name}' for name in weighty)]


def report(model: nn.Module, data: dict, modules: list[str]) -> None:
    """Print a line for the model as it is, and one for each switch."""
    rows = [('as configured', [], None), ('bfloat16 autocast', [], torch.bfloat16)]
    rows += [(f'checkpoint {name}', [name], None) for name in modules]
    rows += [('checkpoint all of these', modules, None)]
    rows += [('... and bfloat16 autocast', modules, torch.bfloat16)]
    width = max(len(label) for label, _, _ in rows)
    print(f'{"":{width}}  {"kept":>9} {"ratio":>6} {"peak":>10} {"ratio":>6} {"FLOPs ratio":>12}')
    first = None
    for label, names, dtype in rows:
        changed = deepcopy(model)
        turn_on_activation_checkpointing(changed, names)
        found = (*measure(changed, data, dtype), count_flops(changed, data))
        first = first or found
        kept, peak, flops = (value / reference for value, reference in zip(found, first))
        print(
            f'{label:{width}}  {found[0] / MEBIBYTE:5.0f} MiB {kept:6.2f} '
            f'{found[1] / MEBIBYTE:6.0f} MiB {peak:6.2f} {flops:12.2f}',
            flush=True,
        )


def main() -> None:
    """Build the model and measure it with each switch."""
    args = parse_args()
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options or {})
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    turn_on_activation_checkpointing(model, config.get('activation_checkpointing') or [])
    num_classes = model.decode_head.num_classes
    clip = random_clip(args.frames, (args.size, args.size), num_classes=num_classes, waveform=True)
    data = model.data_preprocessor(pseudo_collate([clip]), True)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    weights = sum(p.numel() for p in model.parameters())
    print(
        f'{args.config}: 1 clip of {args.frames} frame(s), {args.size}x{args.size}\n'
        f'{weights / 1e6:.1f} M weights, {trained / 1e6:.1f} M of them trained: in float32 '
        f'{4 * weights / MEBIBYTE:.0f} MiB, and their gradients {4 * trained / MEBIBYTE:.0f} MiB'
    )
    report(model, data, args.modules or default_modules(model))


if __name__ == '__main__':
    main()

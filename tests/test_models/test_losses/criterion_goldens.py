# Copyright (c) mmavs developers. All rights reserved.
"""Predictions, targets and draws of the goldens ``losses_vct`` and ``losses_combo``."""

import torch

from mmavs.structures import IGNORE_INDEX
from mmavs.testing.goldens import fill_inputs, load_golden

QUERIES, SIZE, CELL = 20, (24, 32), (12, 16)
NUM_FRAMES = {
    'losses_vct/avss': (15, 71),
    'losses_vct/s4': (10, 2),
    'losses_vct/ms3': (5, 2),
    'losses_combo/avss': (15, 71),
    'losses_combo/s4': (10, 2),
    'losses_combo/ms3': (10, 2),
}
"""dict: Frames and classes of a case."""
SUPERVISED = {
    'losses_vct/avss': [0, *range(5, 15)],
    'losses_vct/s4': [0, 5],
    'losses_combo/avss': [0, *range(5, 15)],
    'losses_combo/s4': [0, 5],
}
"""dict: Frames with a mask, where not all have one."""
LAYERS = ('aux0', 'aux1', 'final')


def golden(case):
    """Arrays and manifest of a case, by names without it."""
    arrays, manifest = load_golden(case.split('/')[0])
    found = {key.removeprefix(f'{case}/'): x for key, x in arrays.items() if key.startswith(case)}
    return found, dict(manifest['cases'][case], weight_dict=manifest['weight_dict'])


def predictions(case):
    """Class and mask logits of the layers, with gradients."""
    frames, classes = NUM_FRAMES[case]
    shapes = dict(logits=(frames, QUERIES, classes + 1), masks=(frames, QUERIES, *SIZE))
    factors = dict(logits=2, masks=3)
    return [
        [
            (fill_inputs(f'{case}/{layer}/{kind}', shapes[kind]) * factors[kind]).requires_grad_()
            for layer in LAYERS
        ]
        for kind in ('logits', 'masks')
    ]


def label_maps(case, manifest):
    """Label maps of all frames, 255 where a frame has no mask, and which frames have one."""
    frames, _ = NUM_FRAMES[case]
    supervised = SUPERVISED.get(case, range(frames))
    target = torch.full((frames, 8 * CELL[0], 8 * CELL[1]), IGNORE_INDEX)
    for number, (frame, labels) in enumerate(zip(supervised, manifest['targets'])):
        if labels:
            cells = fill_inputs(f'{case}/label{number}', (8, 8), 0, len(labels)).floor().long()
            target[frame] = torch.tensor(labels)[cells].kron(torch.ones(CELL, dtype=torch.long))
    target[..., -16:] = IGNORE_INDEX
    annotated = torch.zeros(frames, dtype=torch.bool)
    annotated[list(supervised)] = True
    return target, annotated


def grid_draws(num=112):
    """A ``torch.rand`` that gives the regular grid, row by row, for every mask."""
    axis = (torch.arange(num) + 0.5) / num
    grid = torch.cartesian_prod(axis, axis).flip(1)

    def draw(*shape, device=None):
        assert shape[1:] == grid.shape
        return grid.expand(shape).clone()

    return draw


def replayed_draws(case, manifest):
    """A ``torch.rand`` that gives the named draws of the official code.

    There, each layer draws the points of the matching, frame by frame, and then those of its
    losses; layers come as :func:`official_order` has them. Here, the frames of a layer are one
    draw, and the losses of all layers come after the matching of all layers.
    """
    calls = manifest['modes']['replay']['rand_calls']
    step = len(manifest['targets']) + 2
    layers = [list(range(start, start + step)) for start in range(0, len(calls), step)]
    order = [layer[:-2] for layer in layers]
    order += [[number] for layer in layers for number in layer[-2:]]
    waiting = iter(order)

    def draw(*shape, device=None):
        values = torch.cat(
            [
                fill_inputs(f'{case}/replay/rand{number}', calls[number], 0, 1)
                for number in next(waiting)
            ]
        )
        assert values.shape == shape
        return values

    return draw

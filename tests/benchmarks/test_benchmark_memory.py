# Copyright (c) mmavs developers. All rights reserved.
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from one_step import build, tiny_config
from torch import nn

from mmavs.testing.live_bytes import LiveBytes, measure
from mmavs.testing.tiny import random_clip
from mmavs.utils.activation_checkpointing import checkpoint_module

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tools' / 'analysis_tools' / 'benchmark_memory.py'


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(SCRIPT))


def block():
    return nn.Sequential(nn.Linear(8, 64), nn.Sigmoid(), nn.Linear(64, 8))


@pytest.mark.parametrize('checkpointed', [False, True])
def test_bytes_of_a_chain(checkpointed):
    """3 blocks on 10 rows: 64 values a block for the sigmoid, 8 for the next block's input."""
    model = nn.Sequential(block(), block(), block())
    if checkpointed:
        for part in model:
            checkpoint_module(part)
    x = torch.randn(10, 8)
    with LiveBytes([x, *model.parameters()]) as memory:
        loss = model(x).sum()
        kept, peak_forward = memory.now, memory.peak
        loss.backward()
    hidden, output, scalar = 4 * 10 * 64, 4 * 10 * 8, 4
    # of the last block's output only the shape is kept
    assert kept == (0 if checkpointed else 3 * hidden) + 2 * output + scalar
    # both linear layers' results and the sigmoid's are there at once in the last block
    assert peak_forward == kept - scalar + (2 * hidden if checkpointed else hidden)
    gradients = sum(4 * p.numel() for p in model.parameters())
    assert memory.now == gradients + scalar
    assert memory.peak > peak_forward


def test_peak_of_a_long_chain():
    """Without checkpointing everything is there at once; with it, the inputs and one block."""
    peaks = []
    for change in (lambda module: None, checkpoint_module):
        model = nn.Sequential(*(block() for _ in range(20)))
        for part in model:
            change(part)
        x = torch.randn(1000, 8)
        with LiveBytes([x, *model.parameters()]) as memory:
            model(x).sum().backward()
        peaks.append(memory.peak)
    hidden, output = 4 * 1000 * 64, 4 * 1000 * 8
    assert 20 * (hidden + output) < peaks[0] < 23 * (hidden + output)
    assert 20 * output < peaks[1] < 20 * output + 4 * hidden


def test_kept_is_what_autograd_saves():
    """For a whole model, against torch's hooks on saved tensors."""
    model = build(tiny_config())
    data = model.data_preprocessor(pseudo_collate([random_clip(num_frames=1)]), True)
    kept, peak = measure(model, data)
    known = [*model.parameters(), *model.buffers(), *data['inputs'].values()]
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losses = model(**data, mode='loss')
    expected = sum(saved.values()) - sum(saved.get(tensor.untyped_storage(), 0) for tensor in known)
    assert losses and kept == pytest.approx(expected, rel=0.02)
    assert peak > kept


def test_a_line_for_each_switch(tmp_path, monkeypatch, capsys):
    config = Config(dict(model=tiny_config()))
    config.dump(tmp_path / 'tiny.py')
    arguments = [
        tmp_path / 'tiny.py',
        '--size',
        64,
        '--cfg-options',
        'model.backbone.norm_eval=True',
    ]
    monkeypatch.setattr(sys, 'argv', [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name='__main__')
    output = capsys.readouterr().out
    assert '1 clip of 1 frame(s), 64x64' in output
    row = r'^(\S.*?) +(\d+) MiB +([\d.]+) +(\d+) MiB +([\d.]+) +([\d.]+)$'
    rows = re.findall(row, output, re.MULTILINE)
    ratios = {row[0]: [float(row[i]) for i in (2, 4, 5)] for row in rows}
    assert ratios.pop('as configured') == [1, 1, 1]
    assert ratios['bfloat16 autocast'][0] < 1 and ratios['bfloat16 autocast'][2] == 1
    everything = ratios['checkpoint all of these']
    assert everything[0] < min(ratio[0] for name, ratio in ratios.items() if 'head' in name)
    assert 1.1 < everything[2] < 1.4  # at most a third more: one more forward pass


def test_modules_by_default(tool):
    parts = ['audio_proj', 'pixel_decoder', 'query_generator', 'decoder', 'mixer', 'map_mlp']
    expected = ['backbone', *(f'decode_head.{part}' for part in [*parts, 'predictor'])]
    assert tool['default_modules'](build(tiny_config())) == expected

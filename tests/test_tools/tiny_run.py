# Copyright (c) mmavs developers. All rights reserved.
"""A small MS3 tree, the real MS3 config on it around a tiny model, and a checkpoint of it."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from mmengine.config import Config

from mmavs.registry import MODELS
from mmavs.testing import SynthAVS
from mmavs.testing.tiny import tiny_avsegformer

ROOT = Path(__file__).resolve().parents[2]


def make_run(folder: Path, num_clips: int = 5, size: int = 64) -> tuple[Path, Path]:
    """Write ``data``, ``config.py`` and ``model.pth``; the paths of the last two."""
    synth = SynthAVS(image_size=size, num_objects=3, num_classes=6)
    synth.write_ms3(folder / 'data', {'test': num_clips})
    cfg = Config.fromfile(ROOT / 'configs/_base_/datasets/avsbench_ms3_224x224.py')
    for key in ('train_dataloader', 'val_dataloader', 'val_evaluator'):
        cfg.pop(key)
    cfg.model = tiny_avsegformer()
    cfg.test_cfg = dict()
    cfg.default_scope = 'mmavs'
    cfg.log_level = 'ERROR'
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_dataloader.dataset.data_root = str(folder / 'data')
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform.type == 'ClipBroadcaster':
            transform.transforms[0].scale = (size, size)
    cfg.dump(folder / 'config.py')
    torch.manual_seed(0)
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, folder / 'model.pth')
    return folder / 'config.py', folder / 'model.pth'


def run_on_two_processes(tool: str, port: int, *arguments) -> str:
    """Run a tool of ours under torchrun on the CPU; what it printed."""
    environment = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
    command += [f'--master_port={port}', tool, *map(str, arguments), '--launcher', 'pytorch']
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-9000:]
    return result.stdout

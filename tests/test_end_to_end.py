# Copyright (c) mmavs developers. All rights reserved.
"""What a user does, with tools and real files: train, interrupt, resume, test, infer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmavs.testing import SynthAVS
from mmavs.testing.tiny import tiny_avsegformer
from mmavs.utils.checkpoint import load_checkpoint_file

ROOT = Path(__file__).resolve().parents[1]
SIZE = 64


def run(tool, *arguments):
    """Run a tool of ours as a user does and return what it printed."""
    environment = dict(os.environ, OMP_NUM_THREADS='1')
    result = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / tool), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


@pytest.fixture(scope='module')
def workplace(tmp_path_factory):
    """A small S4 tree, an MP4 with sound, and a config: the real S4 one around a tiny model."""
    folder = tmp_path_factory.mktemp('end_to_end')
    synth = SynthAVS(image_size=SIZE, num_objects=2, num_classes=3)
    synth.write_s4(folder / 'data', {'train': 4, 'val': 2, 'test': 4})
    synth.write_video(folder / 'clip.mp4', seconds=3, size=(SIZE, SIZE))

    config = Config.fromfile(
        ROOT / 'configs/avsegformer/avsegformer_r50_vggish_1xb2-30e_s4-224x224.py'
    )
    config.model = tiny_avsegformer()
    config.model.decode_head.decoder.dropout = 0.1
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(folder / 'data')
        for transform in loader.dataset.pipeline:
            if transform.type == 'ClipBroadcaster':
                transform.transforms[0].scale = (SIZE, SIZE)
    # Random augmentation in a worker that lives through all epochs, as in real training.
    config.train_dataloader.update(num_workers=1, persistent_workers=True)
    for transform in config.train_dataloader.dataset.pipeline:
        if transform.type == 'ClipBroadcaster':
            transform.transforms.append(dict(type='RandomFlip', prob=0.5))
    config.optim_wrapper.optimizer.lr = 1e-3
    config.train_cfg.max_epochs = 3
    config.custom_hooks[0].epochs = 1
    config.dump(folder / 'config.py')
    return folder


@pytest.fixture(scope='module')
def checkpoint(workplace):
    """Three epochs in one go."""
    run('train.py', workplace / 'config.py', '--work-dir', workplace / 'whole')
    return workplace / 'whole' / 'epoch_3.pth'


def test_resumed_equals_uninterrupted(workplace, checkpoint):
    """Stopped after one epoch and resumed: the same weights, dropout and freezing included."""
    parts = workplace / 'parts'
    common = (workplace / 'config.py', '--work-dir', parts)
    run('train.py', *common, '--cfg-options', 'train_cfg.max_epochs=1')
    assert not (parts / 'epoch_3.pth').exists()
    output = run('train.py', *common, '--resume')
    assert 'resumed epoch: 1' in output
    expected = load_checkpoint_file(checkpoint)['state_dict']
    found = load_checkpoint_file(parts / 'epoch_3.pth')['state_dict']
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name].double(), value.double(), atol=1e-6), name


def test_test_reports_all_variants_and_draws(workplace, checkpoint):
    out = workplace / 'scores.json'
    work_dir = workplace / 'test'
    run(
        'test.py',
        *(workplace / 'config.py', checkpoint, '--work-dir', work_dir, '--out', out),
        *('--show-dir', 'pictures', '--interval', 1),
    )
    scores = json.loads(out.read_text())
    assert set(scores) == {
        'avs/mIoU',
        'avs/mIoU_b2',
        'avs/Fscore_b2',
        'avs/Fscore_dataset',
        'avs/Fscore_0.5',
    }
    assert all(0 <= value <= 100 for value in scores.values())
    assert len(list(work_dir.rglob('*.png'))) == 4


def test_video_is_segmented(workplace, checkpoint):
    out = workplace / 'video'
    run(
        'infer.py',
        *(workplace / 'clip.mp4', '--config', workplace / 'config.py'),
        *('--checkpoint', checkpoint, '--out-dir', out),
    )
    assert len(list(out.rglob('*.mp4'))) == 1
    assert len(list(out.rglob('*.png'))) == 3


def test_two_processes_train(workplace, free_port):
    """torchrun with gloo, through the freezing schedule, every parameter with a gradient."""
    work_dir = workplace / 'distributed'
    script = ROOT / 'tools' / 'dist_train.sh'
    environment = dict(
        os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='-1', PORT=str(free_port)
    )
    environment['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{environment["PATH"]}'
    result = subprocess.run(
        ['bash', script, workplace / 'config.py', '2', '--work-dir', work_dir]
        + [
            '--cfg-options',
            'train_cfg.max_epochs=2',
            'model_wrapper_cfg.find_unused_parameters=False',
        ],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    state_dict = load_checkpoint_file(work_dir / 'epoch_2.pth')['state_dict']
    assert all(torch.isfinite(value).all() for value in state_dict.values())
    assert 'Train "backbone" from this epoch on.' in result.stdout + result.stderr

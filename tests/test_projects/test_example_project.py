# Copyright (c) mmavs developers. All rights reserved.
"""projects/example_project: its head against a loop, and its config through the ordinary tools."""

import json

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout
from mmavs.testing import SynthAVS

CONFIG = 'configs/cosine_r18_vggish_1xb16-24e_synthms3-96x96.py'


@pytest.fixture
def project(root, monkeypatch):
    folder = root / 'projects/example_project'
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def head(project):
    import avs_example

    torch.manual_seed(0)
    return avs_example.CosineHead((4, 8), audio_channels=6, embed_dims=5)


def test_logits_are_scaled_cosines(head):
    feats = (torch.randn(2, 4, 4, 6), torch.randn(2, 8, 2, 3))
    audio = AudioFeatures(torch.randn(2, 1, 6))
    layout = ClipLayout(2, torch.ones(2, dtype=torch.bool))
    logits = head(feats, audio, layout).logits
    assert logits.shape == (2, 1, 4, 6)
    pixels, sound = head.pixels(head.neck(feats)[0]), head.sound(audio.embed[:, 0])
    compare = nn.CosineSimilarity(dim=0)
    for frame in range(2):
        for row in range(4):
            for column in range(6):
                cosine = compare(pixels[frame, :, row, column], sound[frame])
                expected = head.scale * cosine + head.bias
                torch.testing.assert_close(logits[frame, 0, row, column], expected)


def test_frames_without_masks(head):
    feats = (torch.randn(2, 4, 4, 6), torch.randn(2, 8, 2, 3))
    audio = AudioFeatures(torch.randn(2, 1, 6))
    layout = ClipLayout(2, torch.ones(2, dtype=torch.bool))
    outputs = head(feats, audio, layout)
    target = torch.zeros(2, 4, 6, dtype=torch.long)
    nothing = head.loss(outputs, target, torch.zeros(2, dtype=torch.bool))['loss_mask']
    nothing.backward()
    assert nothing == 0
    used = {name for name, p in head.named_parameters() if p.grad is not None}
    # the neck's coarser outputs are not read
    assert {'scale', 'bias', 'pixels.weight', 'sound.0.weight'} <= used
    target[1] = 1
    only = head.loss(outputs, target, torch.tensor([False, True]))['loss_mask']
    target[0] = 1
    torch.testing.assert_close(
        only, head.loss(outputs, target, torch.tensor([False, True]))['loss_mask']
    )


def test_train_and_test(project, tools, tmp_path):
    SynthAVS(image_size=96).write_ms3(tmp_path / 'data', {'train': 4, 'val': 2, 'test': 2})
    options = [
        f'{split}_dataloader.{key}'
        for split in ('train', 'val', 'test')
        for key in (
            f'dataset.data_root={tmp_path}/data',
            'num_workers=0',
            'persistent_workers=False',
        )
    ]
    options += [
        'train_dataloader.batch_size=2',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
    ]
    options += ['param_scheduler=None', 'log_level=ERROR', 'default_hooks.checkpoint.interval=1']
    work = tmp_path / 'run'
    tools.run('tools/train.py', project / CONFIG, '--work-dir', work, '--cfg-options', *options)
    out = tmp_path / 'scores.json'
    tools.run(
        *('tools/test.py', project / CONFIG, work / 'epoch_1.pth', '--out', out),
        *('--work-dir', tmp_path / 'test', '--cfg-options', *options),
    )
    assert 0 <= json.loads(out.read_text())['avs/mIoU'] <= 100


def test_config_is_that_of_the_project(project):
    config = Config.fromfile(project / CONFIG)
    assert config.custom_imports.imports == ['avs_example']
    model = MODELS.build(config.model)
    assert type(model.decode_head).__module__ == 'avs_example.cosine_head'

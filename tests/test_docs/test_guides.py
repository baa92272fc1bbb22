# Copyright (c) mmavs developers. All rights reserved.
"""The files that the advanced guides show work: models train a step, the data set loads."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from markdown_files import ROOT, named_files
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from PIL import Image

from mmavs.registry import DATASETS, MODELS
from mmavs.testing import SynthAVS

GUIDES = ROOT / 'docs/en/advanced_guides'
CONFIGS = {  # guide -> the config that it shows
    'new_method': 'my_avs/sound_gate_r18_synthms3.py',
    'new_dataset': 'my_data/tpavi_mine.py',
    'new_audio_encoder': 'my_sound/avsegformer_bands.py',
}


@pytest.fixture
def guide(tmp_path, monkeypatch):
    """Writes the files of a guide into a folder and gives its config."""

    def write(name):
        files = named_files(GUIDES / f'{name}.md')
        assert len(files) == 2
        for path, code in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            # mmavs:: is the folder configs of the installed mmavs; here it is that of this checkout
            code = code.replace("'mmavs::", f"'{ROOT / 'configs'}/")
            (tmp_path / path).write_text(code)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'path', [str(tmp_path), *sys.path])
        return Config.fromfile(CONFIGS[name])

    return write


def write_ms3():
    SynthAVS(image_size=96, num_objects=2).write_ms3(
        Path('data/synth_ms3/Multi-sources'), {'train': 2}
    )


def write_mine(num_clips):
    rng = np.random.default_rng(0)
    rows = ['name,split']
    for clip in range(num_clips):
        for folder, values in (('frames', 256), ('masks', 2)):
            path = Path('data/mine', folder, f'clip{clip}')
            path.mkdir(parents=True)
            for k in range(3):
                pixels = rng.integers(0, values, (64, 64), dtype=np.uint8)
                picture = Image.fromarray(pixels * (255 if values == 2 else 1))
                picture.convert('L' if values == 2 else 'RGB').save(path / f'{k}.png')
        Path('data/mine/sound').mkdir(exist_ok=True)
        sound = rng.uniform(-0.1, 0.1, 3 * 16000)
        soundfile.write(f'data/mine/sound/clip{clip}.wav', sound, 16000)
        rows.append(f'clip{clip},train')
    Path('data/mine/clips.csv').write_text('\n'.join(rows) + '\n')


def training_step(config):
    """Loss of a step, and the gradient of every parameter that is trained."""
    dataset = DATASETS.build(config.train_dataloader.dataset)
    model = MODELS.build(config.model).train()
    batch = pseudo_collate([dataset[0], dataset[1]])
    losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    loss = sum(value for key, value in losses.items() if key.startswith('loss'))
    loss.backward()
    return loss, {n: p.grad for n, p in model.named_parameters() if p.requires_grad}


def test_new_method(guide):
    config = guide('new_method')
    write_ms3()
    loss, gradients = training_step(config)
    assert torch.isfinite(loss)
    for part in ('decode_head.gate', 'decode_head.lateral.0', 'backbone.conv1', 'audio_encoder'):
        grads = [g for name, g in gradients.items() if name.startswith(part)]
        assert any(g is not None and g.abs().sum() > 0 for g in grads), part


def test_new_dataset(guide):
    config = guide('new_dataset')
    write_mine(2)
    dataset = DATASETS.build(config.train_dataloader.dataset)
    item = dataset[1]
    assert item['inputs']['imgs'].shape[:2] == (3, 3)
    assert item['data_samples'].clip_id == 'clip1'
    loss, _ = training_step(config)
    assert torch.isfinite(loss)


def test_new_audio_encoder(guide):
    config = guide('new_audio_encoder')
    write_ms3()
    loss, gradients = training_step(config)
    assert torch.isfinite(loss)
    assert gradients['audio_encoder.layers.0.weight'].abs().sum() > 0


def test_a_frozen_encoder_stays_so(guide):
    config = guide('new_audio_encoder')
    config.model.audio_encoder.frozen = True
    model = MODELS.build(config.model).train()
    assert not model.audio_encoder.training
    assert not any(p.requires_grad for p in model.audio_encoder.parameters())

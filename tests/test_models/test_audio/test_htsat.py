# Copyright (c) mmavs developers. All rights reserved.
"""HTS-AT: its golden, its files, and that it is called as VGGish is."""

import pytest
import torch
import torch.nn.functional as F
from htsat_files import as_clap, official_htsat
from safetensors.torch import save_file

from mmavs.models.audio import HTSAT, DecibelMelFrontend
from mmavs.registry import MODELS
from mmavs.testing.goldens import golden_error, load_golden
from mmavs.testing.tiny import tiny_htsat
from mmavs.utils.meta_tensors import meta_tensors

RATE = 4000


@pytest.fixture(scope='module')
def golden():
    arrays, manifest = load_golden('htsat_embed')
    return arrays, official_htsat(manifest)


@pytest.fixture(scope='module')
def official(golden, tmp_path_factory):
    """The whole encoder with the golden's weights, from a file like the authors'."""
    path = tmp_path_factory.mktemp('htsat') / 'HTSAT_AudioSet_Saved_1.ckpt'
    torch.save({'state_dict': {f'sed_model.{name}': t for name, t in golden[1].items()}}, path)
    model = HTSAT(init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    model.init_weights()
    return model


def tiny(**settings):
    torch.manual_seed(0)
    return MODELS.build(tiny_htsat(**settings))


def waveform(*shape, seed=0):
    """Noise that grows louder, so that no two frames sound alike."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 0.5
    return noise * torch.linspace(0.01, 1, shape[-1])


def as_wave(array):
    return torch.from_numpy(array)[None, None]


def test_golden(golden, official):
    arrays, weights = golden
    wave = as_wave(arrays['1s/wave'])
    log_mel = official.frontend(wave)
    assert golden_error(arrays, 'melW', official.frontend.mel_weights) < 1e-7
    assert golden_error(arrays, '1s/logmel', log_mel[0]) < 1e-3
    image = official.to_image(log_mel[0])
    assert golden_error(arrays, '1s/image', image) < 1e-3
    tokens = official.swin.forward_features(image).flatten(1, 2)
    assert golden_error(arrays, '1s/tokens_norm', tokens) < 1e-4
    embed, feature_map = official(wave, 1)
    assert embed.shape == (1, 1, 768) and feature_map.shape == (1, 768, 2, 32)
    assert golden_error(arrays, '1s/latent', embed[:, 0]) < 1e-4
    # The official classifier reads the map: where its frequencies and times are.
    kernel, bias = weights['tscam_conv.weight'], weights['tscam_conv.bias']
    classes = F.conv2d(feature_map, kernel, bias, padding=(0, 1))[:, :, 0]
    framewise = classes.sigmoid().transpose(1, 2)[..., :8]
    assert golden_error(arrays, '1s/framewise_first', framewise) < 1e-5
    assert golden_error(arrays, '1s/clipwise', classes.mean(2).sigmoid()) < 1e-5


def test_golden_of_other_settings(golden, official, monkeypatch):
    arrays, _ = golden
    silence = official(torch.zeros(1, 1, 32000)).embed[:, 0]
    assert golden_error(arrays, 'silence_1s/latent', silence) < 1e-4
    monkeypatch.setattr(official, 'fill', 'repeat')
    repeated = official(as_wave(arrays['1s/wave'])).embed[:, 0]
    assert golden_error(arrays, '1s/latent_infer_mode', repeated) < 1e-4
    monkeypatch.setattr(official, 'fill', 'stretch')
    dde = DecibelMelFrontend(sample_rate=22050, hop_length=256, mel_rate=32000)
    monkeypatch.setattr(official, 'frontend', dde)
    embed = official(as_wave(arrays['dde_1s_22k/wave'])).embed[:, 0]
    assert golden_error(arrays, 'dde_1s_22k/latent', embed) < 1e-4


def test_files(golden, official, tmp_path):
    """Lightning's (the fixture), a cleaned copy, CLAP's, and ours give the same encoder."""
    clap = {name: tensor.contiguous() for name, tensor in as_clap(golden[1]).items()}
    torch.save(golden[1], tmp_path / 'clean.ckpt')
    torch.save(official.state_dict(), tmp_path / 'ours.pth')
    save_file({name: tensor.clone() for name, tensor in clap.items()}, tmp_path / 'c.safetensors')
    for file in ('clean.ckpt', 'ours.pth', 'c.safetensors'):
        model = HTSAT(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / file)))
        model.init_weights()
        for name, tensor in official.state_dict().items():
            assert torch.equal(model.state_dict()[name], tensor), (file, name)


def test_wrong_files_are_refused(golden, tmp_path):
    path = tmp_path / 'a.ckpt'
    model = HTSAT(init_cfg=dict(type='Pretrained', checkpoint=str(path)), base_channels=48)
    torch.save(golden[1], path)
    with pytest.raises(ValueError, match=r"a.ckpt is another HTS-AT than the config's"):
        model.init_weights()
    torch.save({'features.0.weight': torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r'a.ckpt is no checkpoint of HTS-AT: 1 of 1 tensors'):
        model.init_weights()


def test_init_cfg_is_the_last_word():
    """mmengine asks children for their own initial values behind init_cfg."""
    model = tiny(init_cfg=dict(type='Constant', layer='Linear', val=0.25))
    model.init_weights()
    assert (model.swin.layers[0].blocks[0].mlp.fc1.weight == 0.25).all()


def test_both_kinds_of_audio_agree():
    model = tiny().eval()
    wave = waveform(2, 1, 5 * RATE)
    embed, feature_map = model(wave, 5)
    assert embed.shape == (10, 1, 16) and feature_map.shape == (10, 16, 1, 16)
    torch.testing.assert_close(embed[:, 0], feature_map.mean((2, 3)))
    log_mel = model.frontend(wave, 5)
    assert log_mel.shape == (2, 5, 1, 101, 16)
    assert torch.equal(model(log_mel).embed, embed)
    indices = torch.tensor([[4, 0], [2, 3]])
    rows = [4, 0, 7, 8]
    assert torch.allclose(model(wave, 5, indices).map, feature_map[rows], atol=1e-5)
    picked = log_mel[[[0, 0], [1, 1]], indices]
    assert torch.allclose(model(picked, 5, indices).map, feature_map[rows], atol=1e-5)
    one = torch.cat([model(clip[None], 5).embed for clip in wave])
    assert torch.allclose(one, embed, atol=1e-5)


def test_frame_k_hears_second_k():
    model = tiny().eval()
    wave = waveform(1, 1, 5 * RATE)
    other = wave.clone()
    other[..., 3 * RATE : 4 * RATE] = waveform(1, 1, RATE, seed=1)
    distance = (model(wave, 5).embed - model(other, 5).embed).abs().amax((1, 2))
    assert (distance > 1e-3).tolist() == [False, False, False, True, False]
    assert distance[[0, 1, 2, 4]].max() < 1e-6


def test_only_the_wanted_frames_are_computed():
    model, rows = tiny(), []
    model.swin.patch_embed.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    model(waveform(2, 1, 5 * RATE), 5, torch.tensor([[0], [4]]))
    assert rows == [2]


def test_channels_are_averaged():
    model, wave = tiny().eval(), waveform(1, 2, RATE)
    assert torch.equal(model(wave).embed, model(wave.mean(1, keepdim=True)).embed)


def test_tokens_are_the_cells_of_the_map():
    """32 mel bands and 128 x 128: two frequencies and 32 times."""
    frontend = dict(tiny_htsat()['frontend'], num_mels=32, window_length=256)
    model = tiny(out='tokens', num_mels=32, spec_size=128, frontend=frontend).eval()
    embed, feature_map = model(waveform(1, 1, RATE))
    assert embed.shape == (1, 64, 16) and feature_map.shape == (1, 16, 2, 32)
    for frequency in range(2):
        for time in range(32):
            assert torch.equal(embed[:, 32 * frequency + time], feature_map[:, :, frequency, time])


def test_the_map_is_in_order():
    """Before any attention: cell (row, column) of the square is a frequency and a time."""
    model = tiny(spec_size=128, num_mels=32, frontend=None).eval()
    log_mel = torch.arange(512.0)[:, None] + torch.arange(32) / 100  # (time, mel)
    square = model.to_image(log_mel[None, None] * (1 + model.bn0.eps) ** 0.5)[0, 0]
    cells = square.unflatten(0, (8, 16)).unflatten(2, (8, 16)).mean((1, 3))
    laid = model.unfold(cells[None, ..., None])[0, 0]
    expected = log_mel.unflatten(0, (32, 16)).unflatten(2, (2, 16)).mean((1, 3)).T
    torch.testing.assert_close(laid, expected)


def test_frozen():
    model = tiny(frozen=True)
    parent = torch.nn.Sequential(model, torch.nn.Linear(16, 1)).train()
    assert parent.training and not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    before = model.bn0.running_mean.clone()
    wave = waveform(1, 1, RATE).requires_grad_()
    assert not model(wave).embed.requires_grad and torch.is_grad_enabled()
    assert torch.equal(model.bn0.running_mean, before)
    assert torch.equal(model(wave).embed, model(wave).embed)


def test_trained():
    model = tiny(drop_path_rate=0.5).train()
    wave = waveform(2, 1, 2 * RATE)
    model(wave, 2).embed.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    assert not torch.equal(model(wave, 2).embed, model(wave, 2).embed)  # SpecAugment, drop path
    model.eval()
    assert torch.equal(model(wave, 2).embed, model(wave, 2).embed)


def test_stripes():
    model = tiny(time_stripes=(2, 9), mel_stripes=(1, 4), fill='stretch').train()
    torch.manual_seed(0)
    zeros = model._mask_stripes(torch.ones(200, 1, 101, 16))[:, 0] == 0
    time, mel = zeros.all(2).sum(1), zeros.all(1).sum(1)
    assert time.max() <= 2 * 8 and time.float().mean() > 4 and len(time.unique()) > 8
    assert mel.max() <= 3 and len(mel.unique()) == 4
    # Nothing else is zero, and no two samples need have the same stripes.
    assert torch.equal(zeros, zeros.all(2)[:, :, None] | zeros.all(1)[:, None])
    plain = tiny(time_stripes=(0, 64), mel_stripes=(0, 8)).train()
    log_mel = torch.randn(4, 1, 101, 16)
    assert torch.equal(plain.to_image(log_mel), plain.to_image(log_mel))


def test_front_end_stays_float32():
    frontend, wave = DecibelMelFrontend(), waveform(1, 1, 32000)
    expected = frontend(wave)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(frontend(wave), expected)
    cast = torch.nn.Sequential(frontend).half()[0]
    assert cast.mel_weights.dtype == torch.float32 and torch.equal(cast(wave), expected)
    assert not frontend.state_dict()


def test_builds_without_memory():
    with meta_tensors():
        model = HTSAT()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    # Sheet, section 3: 30.2 M train officially, of which the classifiers are not ours.
    assert parameters + 527 * (768 * 6 + 1) + 527 * 528 == pytest.approx(30.2e6, abs=0.06e6)
    assert model.embed_dims == 768


def test_bad_input():
    model = tiny()
    with pytest.raises(ValueError, match=r'(?s)\(B, T, 1, 101, 16\); .*The log-mel of VGGish'):
        model(torch.randn(1, 5, 1, 96, 64))
    with pytest.raises(ValueError, match=r'that is 4 examples for a clip of 5 frames'):
        model(waveform(1, 1, 5 * RATE - 1), 5)
    with pytest.raises(ValueError, match=r'\(1, 2\) of them, got \(1, 5\)'):
        model(torch.randn(1, 5, 1, 101, 16), 5, torch.tensor([[0, 1]]))
    with pytest.raises(ValueError, match='no front end'):
        tiny(frontend=None)(waveform(1, 1, RATE))
    with pytest.raises(ValueError, match='256 columns, but a frame hears 301 windows'):
        tiny(frontend=dict(tiny_htsat()['frontend'], seconds=3))(waveform(1, 1, 3 * RATE))


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(out='map'), "out must be one of .* got 'map'"),
        (dict(fill='pad'), "fill must be one of .* got 'pad'"),
        (dict(num_mels=24), 'multiple of num_mels=24'),
        (dict(depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1)), 'has 2 rows with patch_size=4'),
        (dict(num_mels=32), 'num_mels=32, but frontend.num_mels=16'),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        tiny(**settings)


def test_bad_front_end():
    with pytest.raises(ValueError, match=r'rise within 0 and 8000\.0 Hz'):
        DecibelMelFrontend(sample_rate=16000)
    with pytest.raises(ValueError, match='too few for windows of 1024'):
        DecibelMelFrontend(seconds=0.01)

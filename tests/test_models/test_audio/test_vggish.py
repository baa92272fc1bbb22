# Copyright (c) mmavs developers. All rights reserved.
import copy
import math

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmavs.models.audio import LogMelFrontend, VGGish
from mmavs.models.audio.log_mel import linear_magnitude, log_magnitude
from mmavs.registry import MODELS
from mmavs.testing.goldens import fill_inputs, golden_error, load_golden, official_state_dict

TINY = dict(channels=(2, 3, 4, 4, 5, 8), fc_channels=(12, 10, 6))


@pytest.fixture(scope='module')
def golden():
    arrays, manifest = load_golden('vggish_embed')
    return arrays, manifest, official_state_dict(manifest['state_dict'])


def tiny(seed: int = 0, **kwargs) -> VGGish:
    torch.manual_seed(seed)
    return VGGish(**{**TINY, **kwargs})


def waveform(*shape: int) -> torch.Tensor:
    """Noise that grows louder, so that no two frames sound alike."""
    return fill_inputs('vggish_test_wave', shape, -0.9, 0.9) * torch.linspace(0, 1, shape[-1])


def test_golden(golden):
    arrays, manifest, state_dict = golden
    model = VGGish()
    assert list(model.state_dict()) == [name for name, _, _ in manifest['state_dict']]
    model.load_state_dict(state_dict, strict=True)
    inputs = {
        'noise': fill_inputs('vggish_in', (5, 1, 96, 64)),
        'w5': torch.from_numpy(arrays['in_w5']),
    }
    for name, examples in inputs.items():
        embed, feature_map = model(examples[None], 5)[:2]
        assert embed.shape == (5, 1, 128)
        assert golden_error(arrays, f'embed_{name}', embed[:, 0]) < 1e-4
        assert golden_error(arrays, f'features_{name}', feature_map) < 1e-4
    # The same weights without the last ReLU.
    model.embeddings = model.embeddings[:-1]
    prerelu = model(inputs['w5'][None]).embed[:, 0]
    assert golden_error(arrays, 'embed_w5_prerelu', prerelu) < 1e-4


def test_golden_from_the_waveform(golden):
    """16-bit samples -> front end -> embedding, as the official code runs it."""
    arrays, _, state_dict = golden
    samples = torch.from_numpy(load_golden('vggish_logmel')[0]['w5_wave']).float() / 32768
    model = VGGish()
    model.load_state_dict(state_dict)
    embed = model(samples[None, None], 5, torch.tensor([[0, 2, 4]])).embed
    arrays = {'picked': arrays['embed_w5'][[0, 2, 4]]}
    assert golden_error(arrays, 'picked', embed[:, 0]) < 1e-4


def test_final_relu():
    model, without = tiny(), tiny(final_relu=False)
    examples = torch.randn(2, 3, 1, 96, 64)
    embed = without(examples).embed
    assert (embed < 0).any()
    assert torch.equal(model(examples).embed, embed.relu())


def test_both_kinds_of_audio_agree():
    model = tiny()
    wave = waveform(2, 1, 80000)
    log_mel = LogMelFrontend()(wave, 5)
    from_wave, from_log_mel = model(wave, 5), model(log_mel, 5)
    assert from_wave.embed.shape == (10, 1, 6)
    assert from_wave.map.shape == (10, 8, 6, 4)
    assert torch.equal(from_wave.embed, from_log_mel.embed)
    indices = torch.tensor([[4], [2]])
    chosen = model(wave, 5, indices)
    torch.testing.assert_close(chosen.map, from_wave.map[[4, 7]], rtol=1e-5, atol=1e-6)
    assert (chosen.map - from_wave.map[[3, 8]]).abs().amax((1, 2, 3)).min() > 5e-4
    again = model(log_mel[[[0], [1]], indices], 5, indices)
    assert torch.equal(chosen.map, again.map)
    assert torch.equal(chosen.embed, again.embed)


def test_only_the_wanted_frames_are_computed():
    model = tiny()
    rows = []
    model.features.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    model(waveform(2, 1, 80000), 5, torch.tensor([[0], [0]]))
    assert rows == [2]


def test_tokens_are_time_major():
    model = tiny(out='tokens')
    embed, feature_map = model(torch.randn(1, 2, 1, 96, 64))[:2]
    assert embed.shape == (2, 24, 8)
    for time in range(6):
        for mel in range(4):
            assert torch.equal(embed[:, 4 * time + mel], feature_map[:, :, time, mel])


def test_without_fc():
    full = tiny()
    model = tiny(seed=1, with_fc=False)
    assert model.embed_dims == 8
    assert all(name.startswith('features.') for name in model.state_dict())
    model.load_state_dict(full.state_dict(), strict=True)
    examples = torch.randn(1, 1, 1, 300, 64)  # no FC layer, so any length
    embed, feature_map = model(examples)[:2]
    assert feature_map.shape == (1, 8, 18, 4)
    assert embed.shape == (1, 72, 8)
    assert torch.equal(feature_map, tiny(out='tokens')(examples).map)


def test_stereo_with_equal_channels_equals_mono():
    mono = tiny()
    stereo = tiny(seed=1, in_channels=2)
    stereo.load_state_dict(mono.state_dict(), strict=True)
    wave = waveform(1, 1, 80000)
    torch.testing.assert_close(stereo(wave.repeat(1, 2, 1), 5).embed, mono(wave, 5).embed)
    # Stereo weights load as they are.
    again = tiny(seed=2, in_channels=2)
    again.load_state_dict(stereo.state_dict())
    assert torch.equal(again.features[0].weight, stereo.features[0].weight)


def test_mono_averages_the_channels_of_a_waveform():
    model = tiny()
    wave = waveform(1, 2, 80000)
    assert torch.equal(model(wave, 5).embed, model(wave.mean(1, keepdim=True), 5).embed)


def test_frozen():
    model = tiny()
    parent = torch.nn.Sequential(model, torch.nn.Linear(6, 1)).train()
    assert parent.training
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    log_mel = torch.randn(1, 2, 1, 96, 64, requires_grad=True)
    assert not model(log_mel).embed.requires_grad
    assert torch.is_grad_enabled()


def test_trained():
    model = tiny(frozen=False).train()
    assert model.training
    out = model(waveform(1, 1, 80000), 5)
    (out.embed.sum() + out.map.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    with torch.no_grad():
        assert not model(waveform(1, 1, 80000), 5).embed.requires_grad


@pytest.mark.parametrize('with_fc', [True, False])
def test_pretrained_file_with_pca(tmp_path, with_fc):
    source = tiny()
    state_dict = dict(source.state_dict())
    state_dict['pproc.pca_eigen_vectors'] = torch.zeros(128, 128)
    state_dict['pproc.pca_means'] = torch.zeros(128, 1)
    path = str(tmp_path / 'vggish.pth')
    torch.save(state_dict, path)
    config = dict(type='VGGish', with_fc=with_fc, in_channels=2, **TINY)
    model = MODELS.build({**config, 'init_cfg': dict(type='Pretrained', checkpoint=path)})
    model.init_weights()
    expected = source.features[0].weight.repeat(1, 2, 1, 1) / 2
    assert torch.equal(model.features[0].weight, expected)
    assert torch.equal(model.features[13].bias, source.features[13].bias)
    if with_fc:
        assert torch.equal(model.embeddings[4].weight, source.embeddings[4].weight)
    # Inside a model, strictly: nothing missing, nothing unexpected.
    torch.save({f'audio_encoder.{key}': value for key, value in state_dict.items()}, path)
    parent = torch.nn.ModuleDict(dict(audio_encoder=MODELS.build(config)))
    load_checkpoint(parent, path, strict=True)
    assert torch.equal(parent['audio_encoder'].features[0].weight, expected)


def test_wrong_checkpoint_is_refused():
    state_dict = tiny().state_dict()
    state_dict['features.99.weight'] = torch.zeros(1)
    with pytest.raises(RuntimeError, match='features.99.weight'):
        tiny().load_state_dict(state_dict, strict=True)


def test_copies_load_into_themselves():
    model = tiny(in_channels=2)
    twin = copy.deepcopy(model)
    twin.load_state_dict(tiny(seed=3).state_dict())
    assert not torch.equal(twin.features[0].weight, model.features[0].weight)


def test_bad_input():
    model = tiny()
    with pytest.raises(ValueError, match='in_channels=2, the audio has 1'):
        tiny(in_channels=2)(waveform(1, 1, 80000), 5)
    with pytest.raises(ValueError, match='in_channels=1, the audio has 2'):
        model(torch.randn(1, 5, 2, 96, 64))
    with pytest.raises(ValueError, match='no front end'):
        tiny(frontend=None)(waveform(1, 1, 80000), 5)
    with pytest.raises(ValueError, match=r'got shape \(5, 1, 96, 64\)'):
        model(torch.randn(5, 1, 96, 64))
    with pytest.raises(ValueError, match=r'\(1, 2\) of them, got \(1, 5\)'):
        model(torch.randn(1, 5, 1, 96, 64), 5, torch.tensor([[0, 1]]))
    with pytest.raises(ValueError, match=r"got \(300, 64\). Use out='tokens'"):
        model(torch.randn(1, 1, 1, 300, 64))
    with pytest.raises(ValueError, match='with_fc=True'):
        tiny(with_fc=False, out='vector')
    with pytest.raises(ValueError, match="got 'map'"):
        tiny(out='map')
    with pytest.raises(ValueError, match='channels must be 6'):
        VGGish(channels=(64, 128))


def test_pyramid_and_spectrogram():
    """Every stage, and magnitudes that are those of the front end before the logarithm."""
    plain, model = tiny(with_fc=False), tiny(with_fc=False, with_pyramid=True)
    wave = waveform(2, 1, 80000)
    expected, found = plain(wave, 5), model(wave, 5)
    assert expected.pyramid is None and expected.spectrogram is None
    assert torch.equal(found.embed, expected.embed)
    sizes = [(2, 48, 32), (3, 24, 16), (4, 12, 8), (8, 6, 4)]
    assert [tuple(level.shape[1:]) for level in found.pyramid] == sizes
    assert torch.equal(found.pyramid[-1], found.map)
    magnitude = model.frontend.mel_magnitude(wave)[:, 0, : 5 * 96].unflatten(1, (5, 96))
    torch.testing.assert_close(found.spectrogram[:, 0], magnitude.flatten(0, 1).float())
    rows = found.rows(torch.tensor([3, 1]))
    assert torch.equal(rows.pyramid[2], found.pyramid[2][[3, 1]])
    assert torch.equal(rows.spectrogram, found.spectrogram[[3, 1]])
    assert plain(wave, 5).rows(torch.arange(10) < 2).embed.shape[0] == 2


def test_magnitudes_add_up_and_come_back():
    magnitudes = torch.rand(2, 3, 96, 64).square()
    log_mel = log_magnitude(magnitudes.sum(0))
    torch.testing.assert_close(linear_magnitude(log_mel), magnitudes.sum(0), atol=1e-6, rtol=1e-5)
    assert log_magnitude(torch.zeros(1)).item() == pytest.approx(math.log(0.01))
    assert (linear_magnitude(log_magnitude(torch.zeros(1))) >= 0).all()

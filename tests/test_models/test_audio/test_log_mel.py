# Copyright (c) mmavs developers. All rights reserved.
import math

import numpy as np
import pytest
import torch

from mmavs.models.audio import LogMelFrontend
from mmavs.registry import MODELS
from mmavs.testing.goldens import golden_error, load_golden
from mmavs.utils.audio_io import resample


@pytest.fixture(scope='module')
def golden():
    return load_golden('vggish_logmel')


def as_waveform(samples: np.ndarray) -> torch.Tensor:
    """16-bit (S,) or (S, C) -> (1, 1, S) float32, channels averaged as the official loader does."""
    wave = samples.astype(np.float64) / 32768
    wave = wave.mean(1) if wave.ndim == 2 else wave
    return torch.from_numpy(wave).float()[None, None]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 0.4 - 0.2


def brute_force(wave: np.ndarray, example: int) -> np.ndarray:
    """One example from the text of the sheet, with loops over windows and bands."""
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * k / 400) for k in range(400)]
    mel = [1127 * math.log(1 + hertz / 700) for hertz in np.linspace(0, 8000, 257)]
    edges = np.linspace(1127 * math.log(1 + 125 / 700), 1127 * math.log(1 + 7500 / 700), 66)
    out = np.empty((96, 64))
    for i in range(96):
        start = (example * 96 + i) * 160
        padded = np.zeros(512)
        padded[:400] = wave[start : start + 400].astype(np.float64) * hann
        magnitude = np.abs(np.fft.fft(padded)[:257])
        for band in range(64):
            low, centre, high = edges[band : band + 3]
            total = 0.0
            for k in range(1, 257):
                weight = min((mel[k] - low) / (centre - low), (high - mel[k]) / (high - centre))
                total += max(weight, 0.0) * magnitude[k]
            out[i, band] = math.log(total + 0.01)
    return out


@pytest.mark.parametrize('case', ['w5', 'stereo', 'silence'])
def test_golden_examples(golden, case):
    arrays, _ = golden
    log_mel = LogMelFrontend()(as_waveform(arrays[f'{case}_wave']))
    assert log_mel.dtype == torch.float32
    assert golden_error(arrays, f'{case}_logmel', log_mel[0]) < 1e-5


def test_golden_tail_of_a_short_clip(golden):
    arrays, _ = golden
    log_mel = LogMelFrontend()(as_waveform(arrays['w4p8_wave']))
    assert log_mel.shape == (1, 4, 1, 96, 64)
    assert golden_error(arrays, 'w4p8_logmel_last', log_mel[0, -1:]) < 1e-5


def test_golden_window_and_mel_matrix(golden):
    arrays, _ = golden
    frontend = LogMelFrontend()
    np.testing.assert_array_equal(frontend.window.float().numpy(), arrays['hann400'])
    np.testing.assert_array_equal(frontend.mel_weights.float().numpy(), arrays['mel_matrix'])


def test_golden_examples_by_length(golden):
    _, manifest = golden
    frontend = LogMelFrontend()
    for length, examples in manifest['examples_by_length'].items():
        assert frontend.num_examples(int(length)) == examples, length
    assert frontend.num_examples(15599) == 0


def test_golden_44100_hz_is_bounded_by_the_resampler(golden):
    """The official resampler interpolates a table of its filter; ours evaluates the filter."""
    arrays, _ = golden
    wave = as_waveform(arrays['w44k_stereo_wave'])[0]
    ours = resample(wave, 44100, 16000)[:, : arrays['w44k_stereo_resampled'].size]
    inner = slice(0, 31900)  # the slice of the golden ends where its waveform goes on
    difference = ours[0].numpy()[inner] - arrays['w44k_stereo_resampled'][inner]
    assert np.abs(difference).max() < 4e-5
    log_mel = LogMelFrontend()(ours[None], 2)[0].numpy()
    difference = np.abs(log_mel - arrays['w44k_stereo_logmel'])
    assert difference.max() < 2e-3
    assert difference.mean() < 1e-4


def test_equals_brute_force():
    wave = noise(1, 1, 40000)
    log_mel = LogMelFrontend()(wave)
    assert log_mel.shape == (1, 2, 1, 96, 64)
    expected = brute_force(wave[0, 0].numpy(), example=1)
    np.testing.assert_allclose(log_mel[0, 1, 0].numpy(), expected, atol=1e-6)


def test_batch_and_channels_equal_one_by_one():
    wave = noise(3, 2, 80000)
    frontend = LogMelFrontend()
    log_mel = frontend(wave, 5)
    assert log_mel.shape == (3, 5, 2, 96, 64)
    for clip in range(3):
        for channel in range(2):
            alone = frontend(wave[clip : clip + 1, channel : channel + 1], 5)
            assert torch.equal(log_mel[clip, :, channel], alone[0, :, 0])


def test_frame_indices_select_examples():
    wave = noise(2, 1, 80000)
    frontend = LogMelFrontend()
    indices = torch.tensor([[0, 4, 4], [3, 1, 2]])
    chosen = frontend(wave, 5, indices)
    everything = frontend(wave, 5)
    assert torch.equal(chosen, everything[torch.tensor([[0], [1]]), indices])


def test_overlapping_examples():
    wave = noise(1, 1, 40000)
    hop = LogMelFrontend(example_hop=48)(wave)
    plain = LogMelFrontend()(wave)
    assert hop.shape[1] == 4
    assert torch.equal(hop[:, ::2], plain)
    assert torch.equal(hop[:, 1], LogMelFrontend()(wave[..., 48 * 160 :])[:, 0])


def test_longer_sound_is_cut():
    wave = noise(1, 1, 96000)
    frontend = LogMelFrontend()
    assert frontend(wave).shape[1] == 6
    assert torch.equal(frontend(wave, 5), frontend(wave)[:, :5])


def test_on_short():
    wave = noise(1, 1, 76800)
    with pytest.raises(ValueError, match='4 examples for a clip of 5 frames.*on_short'):
        LogMelFrontend()(wave, 5)
    four = LogMelFrontend()(wave, 4)
    repeated = LogMelFrontend(on_short='repeat_last')(wave, 5)
    assert torch.equal(repeated[:, :4], four)
    assert torch.equal(repeated[:, 4], four[:, 3])
    zeros = LogMelFrontend(on_short='zeros')(wave, 6)
    assert torch.equal(zeros[:, :4], four)
    assert zeros[:, 4:].shape[1] == 2
    assert zeros[:, 4:].eq(0).all()
    chosen = LogMelFrontend(on_short='zeros')(wave, 6, torch.tensor([[5, 3]]))
    assert torch.equal(chosen, zeros[:, [5, 3]])


@pytest.mark.parametrize('on_short', ['error', 'repeat_last', 'zeros'])
def test_too_short_for_one_example(on_short):
    with pytest.raises(ValueError, match='15599 samples.*too few for one example of 15600'):
        LogMelFrontend(on_short=on_short)(noise(1, 1, 15599), 5)


def test_bad_input():
    frontend = LogMelFrontend()
    with pytest.raises(TypeError, match='torch.int16.*32768'):
        frontend(torch.zeros(1, 1, 16000, dtype=torch.int16))
    with pytest.raises(ValueError, match=r'\(B, C, S\), got shape \(16000,\)'):
        frontend(torch.zeros(16000))
    for index in (5, -1):
        with pytest.raises(ValueError, match=r'in \[0, 5\)'):
            frontend(noise(1, 1, 80000), 5, torch.tensor([[0, index]]))
    with pytest.raises(ValueError, match=r'\(B, T\) with B = 1'):
        frontend(noise(1, 1, 80000), 5, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match='num_frames must be at least 1'):
        frontend(noise(1, 1, 80000), 0)
    with pytest.raises(ValueError, match='399 samples, one window has 400'):
        frontend.mel_magnitude(noise(399))
    with pytest.raises(ValueError, match="on_short.*'pad'"):
        LogMelFrontend(on_short='pad')
    with pytest.raises(ValueError, match='8000.0 Hz'):
        LogMelFrontend(mel_range=(125, 9000))


def test_linear_magnitudes_of_one_tone_scale():
    """The magnitude is linear in the amplitude, and lies in the band of the tone."""
    time = torch.arange(16000) / 16000
    tone = 0.5 * torch.sin(2 * math.pi * 1000 * time)
    frontend = LogMelFrontend()
    loud, soft = frontend.mel_magnitude(tone), frontend.mel_magnitude(tone / 2)
    assert loud.shape == (98, 64)
    assert loud.dtype == torch.float64
    torch.testing.assert_close(loud, soft * 2, rtol=1e-6, atol=1e-6)
    centres = np.linspace(1127 * math.log(1 + 125 / 700), 1127 * math.log(1 + 7500 / 700), 66)
    nearest = np.abs(centres[1:-1] - 1127 * math.log(1 + 1000 / 700)).argmin()
    assert (loud.argmax(1) == nearest).all()
    torch.testing.assert_close(frontend.compress(loud).double(), torch.log(loud + 0.01))


def test_autocast_does_not_change_a_bit():
    wave = noise(2, 1, 80000)
    frontend = LogMelFrontend()
    plain = frontend(wave, 5)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(frontend(wave, 5), plain)


def test_casting_the_model_leaves_the_front_end_in_float64():
    wave = noise(1, 1, 16000)
    frontend = LogMelFrontend()
    plain = frontend(wave)
    assert torch.equal(torch.nn.Sequential(frontend).half()[0](wave), plain)
    assert frontend.window.dtype == frontend.mel_weights.dtype == torch.float64


def test_registered_and_without_weights():
    frontend = MODELS.build(dict(type='LogMelFrontend', on_short='zeros'))
    assert isinstance(frontend, LogMelFrontend)
    assert not frontend.state_dict()

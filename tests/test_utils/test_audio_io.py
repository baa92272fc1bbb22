# Copyright (c) mmavs developers. All rights reserved.
import re

import numpy as np
import pytest
import soundfile
import torch

from mmavs.testing.goldens import load_golden
from mmavs.utils import audio_io
from mmavs.utils.audio_io import read_audio, resample, write_wav

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('channels', [1, 2, 6])
def test_16_bit_is_exact(tmp_path, channels):
    samples = RNG.integers(-32768, 32768, (4000, channels)).astype(np.int16)
    soundfile.write(tmp_path / 'a.wav', samples, 16000)
    waveform, rate = read_audio(tmp_path / 'a.wav', mono=False)
    assert rate == 16000 and waveform.dtype == np.float32 and waveform.shape == (channels, 4000)
    assert np.array_equal(waveform, samples.T / 32768)
    mono, _ = read_audio(tmp_path / 'a.wav')
    assert mono.shape == (1, 4000)
    assert np.abs(mono[0] - (samples / 32768).mean(1)).max() < 1e-7


@pytest.mark.parametrize(
    'subtype, step',
    [
        ('PCM_U8', 2**-7),
        ('PCM_24', 2**-23),
        ('PCM_32', 2**-24),
        ('FLOAT', 2**-24),
        ('DOUBLE', 2**-24),
    ],
)
def test_every_width(tmp_path, subtype, step):
    samples = RNG.uniform(-0.99, 0.99, (500, 2))
    soundfile.write(tmp_path / 'a.wav', samples, 16000, subtype=subtype)
    waveform, _ = read_audio(tmp_path / 'a.wav', mono=False)
    assert waveform.dtype == np.float32
    assert np.abs(waveform - samples.T).max() <= step


@pytest.mark.parametrize('rate', [8000, 11025, 22050, 32000, 44100, 48000, 96000])
def test_any_rate_keeps_a_tone(tmp_path, rate):
    seconds, frequency = 0.5, 440
    times = np.arange(int(rate * seconds)) / rate
    soundfile.write(tmp_path / 'a.wav', 0.5 * np.sin(2 * np.pi * frequency * times), rate)
    waveform, new_rate = read_audio(tmp_path / 'a.wav')
    assert new_rate == 16000 and waveform.shape == (1, 8000)
    expected = 0.5 * np.sin(2 * np.pi * frequency * np.arange(8000) / 16000)
    assert np.abs(waveform[0] - expected)[300:-300].max() < 1e-4  # the filter's reach at the ends
    kept, same_rate = read_audio(tmp_path / 'a.wav', sample_rate=None)
    assert same_rate == rate and kept.shape == (1, len(times))


def test_resampling_is_the_official_one_within_a_16_bit_step():
    """Golden: resampy 0.4.3 kaiser_best on 44.1 kHz stereo noise and tones."""
    arrays = load_golden('resample_44k')[0]
    waveform = (arrays['wave'] / 32768).mean(1)[None].astype(np.float32)
    ours = resample(waveform, 44100, 16000)
    assert ours.shape == (1, 8000) and ours.dtype == np.float32
    # The last samples of the slice hear what the slice lacks.
    difference = np.abs(ours[0] - arrays['resampled'])[:-60]
    assert difference.max() < 2**-15


@pytest.mark.parametrize('rates', [(44100, 16000), (16000, 44100), (8000, 16000), (48000, 16000)])
def test_direct_filter_equals_torchaudio(rates):
    waveform = torch.from_numpy(RNG.uniform(-1, 1, (2, 2000)))
    direct = audio_io._resample_directly(waveform, *rates, chunk=777)
    assert direct.shape == resample(waveform, *rates).shape
    assert (direct - resample(waveform, *rates)).abs().max() < 1e-5


def test_rates_without_common_divisor(monkeypatch):
    """11127 Hz (old Macintosh) would need a table of 16000 * 11127 filter values."""
    monkeypatch.setattr(audio_io.torchaudio.functional, 'resample', None)
    times = np.arange(2225) / 11127
    ours = resample(np.sin(2 * np.pi * 1000 * times)[None].astype(np.float32), 11127, 16000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(3200) / 16000)
    assert ours.shape == (1, 3200) and ours.dtype == np.float32
    assert np.abs(ours[0] - expected)[300:-300].max() < 1e-4


def test_resampling_removes_what_would_fold_over():
    times = np.arange(44100) / 44100
    ours = resample(np.sin(2 * np.pi * 9000 * times)[None], 44100, 16000)
    assert ours.dtype == np.float64 and np.abs(ours[0, 300:-300]).max() < 1e-4


def test_resample_keeps_kind_and_checks_rates():
    tensor = torch.zeros(1, 100)
    assert resample(tensor, 16000, 16000) is tensor
    assert isinstance(resample(tensor, 16000, 8000), torch.Tensor)
    # A reversed array has negative strides, which torch does not take.
    assert resample(np.zeros((1, 100))[:, ::-1], 16000, 8000).shape == (1, 50)
    for rates, name in (((0, 16000), 'orig_rate'), ((16000, 0.5), 'new_rate')):
        with pytest.raises(ValueError, match=f'{name} must be a positive integer'):
            resample(tensor, *rates)


def test_write_and_read_again(tmp_path):
    waveform = RNG.uniform(-1, 0.9999, (2, 3000)).astype(np.float32)
    write_wav(tmp_path / 'new' / 'a.wav', waveform, 22050)
    again, rate = read_audio(tmp_path / 'new' / 'a.wav', sample_rate=None, mono=False)
    assert rate == 22050 and np.array_equal(again, np.rint(waveform * 32768) / 32768)
    assert soundfile.info(tmp_path / 'new' / 'a.wav').subtype == 'PCM_16'
    write_wav(tmp_path / 'b.wav', torch.tensor([[1.5, -1.5, 0.0]]), 16000)
    assert read_audio(tmp_path / 'b.wav')[0].tolist() == [[32767 / 32768, -1, 0]]


@pytest.mark.parametrize(
    'waveform, message',
    [
        (np.zeros(10), 'shape (channels, samples), got (10,)'),
        (np.zeros((1, 0)), 'got (1, 0)'),
        (np.array([[np.nan]]), 'NaN or infinite'),
    ],
)
def test_what_cannot_be_written(tmp_path, waveform, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        write_wav(tmp_path / 'a.wav', waveform, 16000)
    assert not (tmp_path / 'a.wav').exists()


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'There is no audio file .*no\.wav'):
        read_audio(tmp_path / 'no.wav')
    (tmp_path / 'text.wav').write_text('<html>404</html>')
    with pytest.raises(ValueError, match=r'text\.wav cannot be read as audio \(.*\)\. Expected'):
        read_audio(tmp_path / 'text.wav')
    soundfile.write(tmp_path / 'empty.wav', np.zeros(0), 16000)
    with pytest.raises(ValueError, match=r'empty\.wav holds no samples'):
        read_audio(tmp_path / 'empty.wav')
    soundfile.write(tmp_path / 'nan.wav', np.array([0.0, np.nan]), 16000, subtype='FLOAT')
    with pytest.raises(ValueError, match=r'nan\.wav holds NaN or infinite samples'):
        read_audio(tmp_path / 'nan.wav')

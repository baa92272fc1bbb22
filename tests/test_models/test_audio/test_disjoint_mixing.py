# Copyright (c) mmavs developers. All rights reserved.
"""Which sound becomes the noise of which, and how loud."""

import numpy as np
import pytest
import torch

from mmavs.models.audio.disjoint_mixing import disjoint_partners
from mmavs.registry import MODELS
from mmavs.utils.audio_io import write_wav

PRESENT = torch.tensor(
    [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 0, 0, 1],
        [1, 0, 0, 0],
    ]
).bool()


def build(**kwargs):
    return MODELS.build(dict(type='DisjointMixing', **kwargs))


def level(magnitudes):
    return magnitudes.square().mean((1, 2, 3)).sqrt()


def test_partners():
    """The nearest before, round the batch, without a common class; frame 3 has no class at all."""
    audible = torch.ones(4, dtype=torch.bool)
    assert disjoint_partners(PRESENT[:, 1:], audible).tolist() == [3, 3, 1, 2]
    audible[3] = False
    assert disjoint_partners(PRESENT[:, 1:], audible).tolist() == [2, 2, 1, 2]
    assert disjoint_partners(PRESENT[:2, 1:], audible[:2]).tolist() == [-1, -1]
    assert disjoint_partners(PRESENT[:0, 1:], audible[:0]).tolist() == []


def test_noise_is_the_partner_at_a_level_relative_to_the_sound():
    torch.manual_seed(0)
    clean = torch.rand(4, 2, 6, 5) * torch.tensor([1.0, 10, 0.1, 3])[:, None, None, None]
    partner = [3, 3, 1, 2]
    gains = []
    for _ in range(200):
        mixed, usable = build()(clean, PRESENT)
        assert usable.all()
        for frame in range(4):
            ratio = (mixed[frame] - clean[frame]) / clean[partner[frame]]
            assert torch.allclose(ratio, ratio.mean().expand_as(ratio), rtol=1e-3)
        gains.append(level(mixed - clean) / level(clean))
    gains = torch.stack(gains)
    assert 0.5 - 1e-5 < gains.min() < 0.51
    assert 0.99 < gains.max() < 1 + 1e-5
    assert gains.std(0).min() > 0.1
    assert not torch.allclose(gains[:, 0], gains[:, 1])
    assert torch.allclose(level(build(gain=(2, 2))(clean, PRESENT)[0] - clean), 2 * level(clean))


def test_what_cannot_be_mixed_stays():
    """Silent sounds are neither mixed nor noise; frames of one class have no partner."""
    torch.manual_seed(0)
    clean = torch.rand(4, 1, 6, 5)
    clean[3] = 0
    mixed, usable = build()(clean, PRESENT)
    assert usable.tolist() == [True, True, True, False]
    assert torch.equal(mixed[3], clean[3])
    mixed, usable = build()(clean[:2], PRESENT[:2])
    assert not usable.any()
    assert torch.equal(mixed, clean[:2])
    mixed, usable = build()(clean[:0], PRESENT[:0])
    assert mixed.shape == (0, 1, 6, 5) and usable.shape == (0,)
    alone, usable = build()(clean[:1], PRESENT[:1])
    assert not usable.any() and torch.equal(alone, clean[:1])


def test_noise_of_files(tmp_path):
    """Short files are repeated; any rate; pieces are of random places."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(2000) / 8000)[None]
    write_wav(tmp_path / 'low' / 'tone.wav', 0.3 * tone, 8000)
    front_end = MODELS.build(dict(type='LogMelFrontend'))
    torch.manual_seed(0)
    waveform = 0.1 * torch.randn(3, 2, 15600)
    clean = front_end.mel_magnitude(waveform).float()
    mixing = build(folder=str(tmp_path))
    mixed, usable = mixing(clean, PRESENT[:3], front_end)
    assert usable.all()
    noise = mixed - clean
    assert noise.shape == clean.shape == (3, 2, 96, 64)
    assert (noise >= 0).all()
    centre = front_end.mel_magnitude(torch.from_numpy(np.sin(2 * np.pi * np.arange(4000) / 16)))
    assert (noise.mean((0, 1, 2)).argmax() == centre.mean(0).argmax()).item()
    assert torch.allclose(noise[:, 0], noise[:, 1], rtol=1e-3, atol=1e-5)  # of both channels
    assert not torch.allclose(noise[0], noise[1] * level(noise)[0] / level(noise)[1], rtol=1e-3)
    relative = level(noise) / level(clean)
    assert ((relative > 0.49) & (relative < 1.01)).all()
    with pytest.raises(ValueError, match='need the front end'):
        mixing(clean, PRESENT[:3])


def test_silent_files_are_no_noise(tmp_path):
    write_wav(tmp_path / 'silent.wav', np.zeros((1, 16000)), 16000)
    front_end = MODELS.build(dict(type='LogMelFrontend'))
    clean = torch.rand(1, 1, 96, 64)
    mixed, usable = build(folder=str(tmp_path))(clean, PRESENT[:1], front_end)
    assert not usable.any() and torch.equal(mixed, clean)


def test_wrong_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match='no WAV file in the folder of noises'):
        build(folder=str(tmp_path))
    with pytest.raises(ValueError, match='gain must be two rising numbers'):
        build(gain=(1, 0.5))

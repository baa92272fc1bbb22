# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
import torchvision

from mmavs.models.audio import AudioResNet
from mmavs.testing.goldens import fill_inputs


def stereo(batch: int = 2) -> torch.Tensor:
    """Three seconds, another sound on each channel."""
    return fill_inputs('audio_resnet', (batch, 2, 48000), -0.5, 0.5)


def test_three_seconds_of_stereo():
    model = AudioResNet(in_channels=2, base_channels=4).eval()
    found = model(stereo(), 1)
    sizes = [(4, 75, 16), (8, 38, 8), (16, 19, 4), (32, 10, 2)]
    assert [tuple(level.shape[1:]) for level in found.pyramid] == sizes
    assert found.embed.shape == (2, 20, 32) and model.embed_dims == 32
    magnitude = model.frontend.mel_magnitude(stereo()).float()
    torch.testing.assert_close(found.spectrogram, magnitude)
    swapped = model(stereo().flip(1), 1)
    assert (swapped.map - found.map).abs().max() > 1e-3  # it tells left from right


def test_file_of_imagenet_hears_equal_channels_as_grey(tmp_path):
    """The kernel is summed over the colours, repeated and divided; the rest is the file's."""
    torch.manual_seed(0)
    reference = torchvision.models.resnet18().eval()
    torch.save(reference.state_dict(), tmp_path / 'resnet18.pth')
    pretrained = dict(type='Pretrained', checkpoint=str(tmp_path / 'resnet18.pth'))
    model = AudioResNet(in_channels=2, init_cfg=pretrained)
    model.init_weights()
    model.eval()
    sound = fill_inputs('audio_resnet_mel', (1, 1, 298, 64))
    found = model.encode(sound.expand(-1, 2, -1, -1)).map
    children = list(reference.children())[:-2]
    expected = torch.nn.Sequential(*children)(sound.expand(-1, 3, -1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_own_checkpoint_keeps_its_kernel():
    torch.manual_seed(0)
    first, second = (AudioResNet(in_channels=2, base_channels=4) for _ in range(2))
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.trunk.conv1.weight, first.trunk.conv1.weight)


def test_mono_sound_is_refused_by_a_stereo_encoder():
    model = AudioResNet(in_channels=2, base_channels=4)
    with pytest.raises(ValueError, match='AudioResNet has in_channels=2, the audio has 1'):
        model(stereo()[:, :1], 1)


def test_frozen():
    model = AudioResNet(frozen=True, base_channels=4).train()
    assert not model.training and not model(stereo(), 1).map.requires_grad

# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmavs.apis.grad_cam import LayerTap, class_index, clip_cams, grad_cam, target_score
from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip, tiny_avsegformer


class Linear(nn.Module):
    """Logits of frame n at a pixel: what 1x1 weights give there, plus the loudness of the frame."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 1)
        self.audio_encoder = nn.Module()
        self.audio_encoder.features = nn.Conv2d(1, 2, 1)
        self.visual, self.sound = torch.randn(4), torch.randn(2)

    def encode_decode(self, inputs, samples):
        seen = self.backbone(inputs['imgs'][0])
        heard = self.audio_encoder.features(inputs['audio'][0])
        nn.functional.relu_(heard)  # in place, as VGGish works
        loud = torch.einsum('nchw,c->n', heard, self.sound)
        return (torch.einsum('nchw,c->nhw', seen, self.visual) + loud[:, None, None])[:, None]


def test_closed_form():
    """All pixels of a layer have one gradient here, so a map is the weighted sum of channels."""
    torch.manual_seed(0)
    model = Linear()
    model.backbone.bias.data += 1  # so that something is positive
    model.visual[:] = model.visual.abs()
    model.sound[:] = torch.tensor([2.0, -1.0])
    model.audio_encoder.features.bias.data[:] = torch.tensor([0.3, 0.1])
    inputs = dict(imgs=torch.rand(1, 3, 3, 8, 8), audio=torch.rand(1, 3, 1, 6, 4))
    cams = clip_cams(model, inputs, None, label=1)
    with torch.no_grad():
        seen = torch.einsum('nchw,c->nhw', model.backbone(inputs['imgs'][0]), model.visual).relu()
        features = model.audio_encoder.features(inputs['audio'][0])
        gates = (features > 0).float().mean((2, 3))  # the mean gradient behind a ReLU
        heard = torch.einsum('nchw,nc->nhw', features, gates * model.sound).relu()
    torch.testing.assert_close(cams.frames, seen / seen.max())
    torch.testing.assert_close(cams.sound, heard / heard.max().clamp(min=1e-12))
    assert cams.classes == [1, 1, 1]
    assert seen.max() > 0 and 0 < heard.min() < heard.max()


def full_graph(model, data, layer):
    """The same from a graph that nothing was cut from."""
    kept = []

    def keep(module, inputs, output):
        output = output[-1] if isinstance(output, tuple) else output
        output.retain_grad()
        kept.append(output)

    handle = model.get_submodule(layer).register_forward_hook(keep)
    logits = model.encode_decode(data['inputs'], data['data_samples'])
    handle.remove()
    score = 0
    for frame in logits[:, 0]:
        sounding = frame > 0
        score = score + (frame[sounding].mean() if sounding.any() else frame.mean())
    score.backward()
    (output,) = kept
    weights = output.grad.flatten(2).mean(2)
    maps = F.relu((weights[..., None, None] * output).sum(1))
    return maps.detach() / maps.max().detach().clamp(min=1e-12)


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    model = MODELS.build(tiny_avsegformer()).eval()
    clip = random_clip(3, (64, 64), num_classes=1, waveform=True)
    data = model.data_preprocessor(
        dict(
            inputs={k: [v] for k, v in clip['inputs'].items()}, data_samples=[clip['data_samples']]
        ),
        False,
    )
    return model, data


def test_a_real_model(tiny):
    model, data = tiny
    audio_layer = 'audio_encoder.features.15'
    cams = clip_cams(model, *data.values(), audio_layer=audio_layer)
    assert cams.frames.shape == (3, 2, 2) and cams.sound.ndim == 3
    assert cams.frames.max() == 1 and cams.classes == [1, 1, 1]
    torch.testing.assert_close(cams.frames, full_graph(model, data, 'backbone'))
    torch.testing.assert_close(cams.sound, full_graph(model, data, audio_layer))
    assert not model.backbone._forward_hooks


def test_a_frozen_encoder_gives_the_same(tiny):
    model, data = tiny
    free = clip_cams(model, *data.values())
    model.audio_encoder.frozen = True
    model.audio_encoder.requires_grad_(False)
    frozen = clip_cams(model, *data.values())
    assert model.audio_encoder.frozen and frozen.sound.max() == 1
    torch.testing.assert_close(frozen.sound, free.sound)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_channels_are_weighed_by_mean_gradients():
    activations = torch.tensor([[[[1.0, -2.0]], [[0.5, 4.0]]]])
    gradients = torch.tensor([[[[2.0, 0.0]], [[-1.0, 0.0]]]])
    # weights 1 and -0.5: 1 - 0.25 and -2 - 2
    assert grad_cam(activations, gradients).tolist() == [[[0.75, 0.0]]]


def test_which_class_is_asked_about():
    logits = torch.zeros(2, 4, 2, 3)
    logits[0, 2] = torch.tensor([[1.0, 2, 3], [-1, -1, -1]])
    logits[0, 3, 1, 0] = 9
    logits[1, 0], logits[1, 1, 0, 0], logits[1, 3, 0, 0] = 5, 1, 2
    score, classes = target_score(logits, None)
    # most pixels of frame 0 are class 2; nothing is predicted in frame 1, class 3 is nearest
    assert classes == [2, 3]
    assert score.item() == pytest.approx(2 + 2 / 6)
    score, classes = target_score(logits, 1)
    assert classes == [1, 1] and score.item() == pytest.approx(0 + 1 / 6)
    with pytest.raises(ValueError, match='no class 4, the model tells 0 to 3 apart'):
        target_score(logits, 4)


def test_names_of_classes():
    assert class_index(['background', 'cat'], 'cat') == 1
    assert class_index(['background'], '7') == 7 and class_index([], None) is None
    with pytest.raises(ValueError, match='no class "dog", expected a number or: background, cat'):
        class_index(['background', 'cat'], 'dog')


def test_wrong_layers(tiny):
    model, data = tiny
    with pytest.raises(ValueError, match='no layer "backbone.layer9"; in backbone are conv1, bn1'):
        LayerTap(model, 'backbone.layer9')
    with pytest.raises(ValueError, match=r'"audio_encoder.embeddings" gives \(3, 16\)'):
        clip_cams(model, *data.values(), audio_layer='audio_encoder.embeddings')
    with pytest.raises(ValueError, match='"maskless" gave nothing for 3 frames'):
        model.maskless = nn.Identity()
        clip_cams(model, *data.values(), visual_layer='maskless')
    assert not model.audio_encoder.embeddings._forward_hooks

# Copyright (c) mmavs developers. All rights reserved.
"""Rules of encoders alone, on the files that they are published in."""

import torch
import torchvision
from official_names import vggish_checkpoint

from mmavs.converters import convert, resnet_rules, revert, vggish_rules
from mmavs.registry import MODELS


def built(config):
    with torch.device('meta'):
        return MODELS.build(config).state_dict()


def test_imagenet_resnet():
    with torch.device('meta'):
        official = torchvision.models.resnet50().state_dict()
    there = convert(official, resnet_rules())
    ours = built(dict(type='mmseg.ResNet', depth=50))
    assert {name: tensor.shape for name, tensor in there.state_dict.items()} == {
        f'backbone.{name}': tensor.shape for name, tensor in ours.items()
    }
    assert set(there.dropped) == {'fc.weight', 'fc.bias'}
    back = revert(there.state_dict, resnet_rules())
    assert set(back.state_dict) == set(official) - set(there.dropped)


def test_audioset_vggish():
    ours = {f'audio_encoder.{name}': t for name, t in built(dict(type='VGGish')).items()}
    there = convert(vggish_checkpoint(), vggish_rules())
    assert {name: t.shape for name, t in there.state_dict.items()} == {
        name: t.shape for name, t in ours.items()
    }
    assert set(there.dropped) == {'pproc.pca_eigen_vectors', 'pproc.pca_means'}

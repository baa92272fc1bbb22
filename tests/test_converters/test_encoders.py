# Copyright (c) mmavs developers. All rights reserved.
"""Rules of encoders alone, on the files that they are published in."""

import torch
import torchvision
from official_names import numbered_state_dict, vggish_checkpoint

from mmavs.converters import (
    convert,
    detectron2_resnet_rules,
    resnet_rules,
    revert,
    vggish_rules,
)
from mmavs.registry import MODELS
from mmavs.testing.goldens import load_manifest
from mmavs.utils.meta_tensors import meta_tensors
from mmavs.utils.weights import mismatch


def built(config):
    with meta_tensors():
        return MODELS.build(config).state_dict()


def test_imagenet_resnet():
    with meta_tensors():
        official = torchvision.models.resnet50().state_dict()
    there = convert(official, resnet_rules())
    ours = built(dict(type='mmseg.ResNet', depth=50))
    assert {name: tensor.shape for name, tensor in there.state_dict.items()} == {
        f'backbone.{name}': tensor.shape for name, tensor in ours.items()
    }
    assert set(there.dropped) == {'fc.weight', 'fc.bias'}
    back = revert(there.state_dict, resnet_rules())
    assert set(back.state_dict) == set(official) - set(there.dropped)


def test_resnet_by_the_names_of_detectron2():
    """Frozen norms do not count batches: their counters are not there, and nobody misses them."""
    entries = load_manifest('r50_backbone_224')['state_dict']
    official = numbered_state_dict(entries)
    rules = detectron2_resnet_rules('backbone.')
    there = convert(official, rules)
    ours = built(dict(type='mmseg.ResNet', depth=50))
    ours = {f'backbone.{name}': tensor for name, tensor in ours.items()}
    counters = {name for name in ours if name.endswith('num_batches_tracked')}
    assert len(counters) == 53 and set(there.state_dict) == set(ours) - counters
    assert mismatch(there.state_dict, ours) == ''
    back = revert({**ours, **there.state_dict}, rules)
    assert set(back.dropped) == counters
    assert all(torch.equal(back.state_dict[name], official[name]) for name in official)


def test_audioset_vggish():
    ours = {f'audio_encoder.{name}': t for name, t in built(dict(type='VGGish')).items()}
    there = convert(vggish_checkpoint(), vggish_rules())
    assert {name: t.shape for name, t in there.state_dict.items()} == {
        name: t.shape for name, t in ours.items()
    }
    assert set(there.dropped) == {'pproc.pca_eigen_vectors', 'pproc.pca_means'}

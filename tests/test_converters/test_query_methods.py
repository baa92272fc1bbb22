# Copyright (c) mmavs developers. All rights reserved.
"""Every released kind of checkpoint of VCT and COMBO, to ours and back."""

import math

import pytest
import torch
from mmengine.config import Config
from official_query_names import CONFIGS, official_query_checkpoint, official_query_entries

from mmavs.converters import CONVERTERS
from mmavs.registry import MODELS
from mmavs.testing.goldens import load_manifest
from mmavs.utils.meta_tensors import meta_tensors
from mmavs.utils.weights import mismatch


def test_composed_list_is_the_official_one():
    composed = {str(tuple(e)) for e in official_query_entries('combo', 'resnet', 'ms3')}
    stored = load_manifest('combo_r50_ms3')['state_dict']
    assert composed == {str(tuple(entry)) for entry in stored}


def test_composed_list_has_the_numbers_of_the_sheet():
    """Sheet vct.md, section 11: AVSS has 291 M numbers, 72 M of them of VGGish."""
    sizes = {n: math.prod(shape) for n, shape, _ in official_query_entries('vct', 'swin', 'avss')}
    vggish = sum(size for name, size in sizes.items() if name.startswith('audio_backbone.'))
    assert (round(sum(sizes.values()) / 1e6), round(vggish / 1e6)) == (291, 72)


@pytest.mark.parametrize('checkpoint', CONFIGS, ids='_'.join)
def test_there_and_back(checkpoint, root):
    method, backbone, task = checkpoint
    converter = CONVERTERS[method]
    official = official_query_checkpoint(*checkpoint)
    there = converter(official)
    config = Config.fromfile(root / 'configs' / CONFIGS[checkpoint])
    with meta_tensors():
        ours = MODELS.build(config.model).state_dict()
    assert mismatch(there.state_dict, ours) == ''
    assert converter.backbone_of(there.state_dict) == backbone
    assert converter.num_classes(there.state_dict) == (71 if task == 'avss' else 2)

    unread = {'criterion.empty_weight'}
    if method == 'vct':
        unread |= {name for name in official if name.startswith('audio_backbone.embeddings.')}
    assert set(there.dropped) == unread
    back = converter.revert(there.state_dict)
    assert set(back.state_dict) == set(official) - unread
    assert not back.filled and not back.dropped
    for name, tensor in back.state_dict.items():
        assert tensor.shape == official[name].shape, name
        first = (0,) * tensor.dim()  # each is full of one number
        assert tensor[first] == official[name][first], name


def test_the_twin_is_not_taken_for_the_backbone():
    """Names of one are the other's with a prefix: each must go where it belongs."""
    official = official_query_checkpoint('vct', 'swin', 'avss')
    ours = CONVERTERS['vct'](official).state_dict
    for old, new in (('backbone.', 'backbone.'), ('pre_sam_backbone.', 'maskige_backbone.')):
        assert torch.equal(
            ours[f'{new}stages.2.blocks.7.attn.w_msa.qkv.weight'],
            official[f'{old}layers.2.blocks.7.attn.qkv.weight'],
        )
    gate = 'maskige_gate.gates.3.fc2.bias'
    assert torch.equal(ours[gate], official['scale_factor_module.3.fc2.bias'])
    assert torch.equal(ours['decode_head.loss_pac.logit_scale'], official['criterion.logit_scale'])


@pytest.mark.parametrize('method', ['combo', 'vct'])
def test_unknown_tensors_are_refused(method):
    official = official_query_checkpoint(method, 'resnet', 's4')
    with pytest.raises(ValueError, match=r"'sem_seg_head\.extra'.*another method"):
        CONVERTERS[method]({**official, 'sem_seg_head.extra': torch.zeros(1)})
    ours = CONVERTERS[method](official).state_dict
    with pytest.raises(ValueError, match=r"'extra.weight'.*another model"):
        CONVERTERS[method].revert({**ours, 'extra.weight': torch.zeros(1)})


class Versioned(torch.nn.Module):
    """Asks for the version of its tensors, as Mask2Former's head does."""

    _version = 2
    found = None

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        self.found = local_metadata.get('version')


def test_official_head_is_told_its_version(tmp_path):
    """Without one Mask2Former's head renames the tensors of its pixel decoder."""
    ours = CONVERTERS['combo'](official_query_checkpoint('combo', 'resnet', 's4')).state_dict
    back = CONVERTERS['combo'].revert({n: t for n, t in ours.items() if t.dim() == 1}).state_dict
    torch.save(back, tmp_path / 'a.pth')
    head = torch.nn.ModuleDict(dict(sem_seg_head=Versioned()))
    head.load_state_dict(torch.load(tmp_path / 'a.pth', weights_only=True), strict=False)
    assert head['sem_seg_head'].found == 2
    head.load_state_dict(dict(back), strict=False)
    assert head['sem_seg_head'].found is None

# Copyright (c) mmavs developers. All rights reserved.
"""PAC against the official loss, the paper's formula, and what its targets are."""

import math

import pytest
import torch
from criterion_goldens import NUM_FRAMES, SUPERVISED, golden, label_maps

from mmavs.models.losses import PrototypeAudioContrast
from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX
from mmavs.testing.goldens import fill_inputs

S4_CATEGORIES = (4, 23)
"""tuple: Of the clips of the golden, counted from 1."""


def identity(loss):
    """Make projections do nothing: the golden starts from projected features."""
    for layer in (loss.audio_proj, loss.proto_proj):
        torch.nn.init.eye_(layer.weight)
    return loss


def build(**kwargs):
    return MODELS.build(dict(type='PrototypeAudioContrast', **kwargs))


@pytest.mark.parametrize('case, num', [('losses_vct/avss', 71), ('losses_vct/s4', 23)])
def test_official_value(case, num):
    arrays, manifest = golden(case)
    sound = fill_inputs(f'{case}/audio_feat', (NUM_FRAMES[case][0], 256))
    prototypes = fill_inputs(f'{case}/proto', (num, 256))
    loss = identity(build(labels='classes' if num == 71 else 'category'))
    assert loss.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    target, annotated = label_maps(case, manifest)
    labels = torch.zeros(2, num)
    labels[[0, 1], [number - 1 for number in S4_CATEGORIES]] = 1
    wanted = loss.make_targets(target[annotated], num, labels)
    # Two tokens whose mean is the feature: pooling comes first.
    tokens = torch.stack([sound * 0.5, sound * 1.5], 1)[SUPERVISED[case]]
    names = manifest['modes']['grid']['loss_names']
    expected = arrays['grid/losses'][names.index('loss_proto')]
    assert loss(tokens, prototypes, wanted).item() == pytest.approx(expected, abs=1e-5)
    doubled = identity(build(loss_weight=2.0))
    assert doubled(tokens, prototypes, wanted).item() == pytest.approx(2 * expected, abs=1e-5)


def test_projections_and_temperature_of_the_official_form():
    loss = build(embed_dims=6, init_scale=3.0)
    loss.init_weights()
    audio, prototypes = torch.randn(2, 5, 6), torch.randn(4, 6)
    logits = loss.match(audio, prototypes)
    for frame in range(2):
        for number in range(4):
            a = loss.audio_proj.weight @ audio[frame].mean(0)
            p = loss.proto_proj.weight @ prototypes[number]
            expected = 3 * (a @ p) / (a.norm() * p.norm())
            assert logits[frame, number].item() == pytest.approx(expected.item(), abs=1e-5)
    assert sorted(loss.state_dict()) == ['audio_proj.weight', 'logit_scale', 'proto_proj.weight']


def test_form_of_the_paper():
    """Equations 4 and 5: BCE of the sigmoid of an inner product with the prototype as it is."""
    loss = build(embed_dims=6, similarity='inner')
    audio, prototypes = torch.randn(2, 5, 6), torch.randn(3, 6)
    target = torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    terms = []
    for frame in range(2):
        for number in range(3):
            matched = torch.sigmoid(
                (loss.audio_proj.weight @ audio[frame].T).mean(1) @ prototypes[number]
            )
            wanted = target[frame, number]
            terms.append(-wanted * matched.log() - (1 - wanted) * (1 - matched).log())
    expected = torch.stack(terms).mean()
    assert torch.allclose(loss(audio, prototypes, target), expected, atol=1e-6)
    assert sorted(loss.state_dict()) == ['audio_proj.weight']  # nothing that would get no gradient


def test_initialisation():
    torch.manual_seed(0)
    loss = build()
    loss.init_weights()
    for layer in (loss.audio_proj, loss.proto_proj):
        assert layer.bias is None
        assert layer.weight.std().item() == pytest.approx(256**-0.5, rel=0.02)


def test_targets():
    target = torch.zeros(4, 6, 8, dtype=torch.long)
    target[0, :2] = 3
    target[1, 2:] = IGNORE_INDEX
    target[2] = 2
    target[3] = IGNORE_INDEX
    classes = build(labels='classes').make_targets(target, 5)
    assert classes.tolist() == [[1, 0, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0] * 5]
    sounding = build(labels='sounding').make_targets(target, 1)
    assert sounding.tolist() == [[1], [0], [1], [0]]
    labels = torch.eye(4)
    assert torch.equal(build(labels='category').make_targets(target, 4, labels), labels)
    with pytest.raises(ValueError, match='no gt_audio_labels: set categories of AVSBenchS4Dataset'):
        build(labels='category').make_targets(target, 4)


@pytest.mark.parametrize('similarity', ['cosine', 'inner'])
def test_no_frame_keeps_every_parameter_in_the_graph(similarity):
    loss = build(embed_dims=6, similarity=similarity)
    audio = torch.randn(3, 5, 6, requires_grad=True)
    prototypes = torch.randn(4, 6, requires_grad=True)
    value = loss(audio[torch.zeros(3, dtype=torch.bool)], prototypes, torch.zeros(0, 4))
    value.backward()
    assert value == 0
    for given in (audio, prototypes, *loss.parameters()):
        assert given.grad is not None and (given.grad == 0).all()


def test_autocast_does_not_change_the_loss():
    loss, target = build(embed_dims=6), torch.eye(4)[:2]
    audio, prototypes = torch.randn(2, 5, 6), torch.randn(4, 6)
    expected = loss(audio, prototypes, target)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = loss(audio, prototypes, target)
    assert found.dtype == torch.float32 and found.item() == expected.item()


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="similarity must be one of .*, got 'dot'"):
        build(similarity='dot')
    with pytest.raises(ValueError, match="labels must be one of .*, got 'video'"):
        PrototypeAudioContrast(labels='video')
    loss = build(embed_dims=6)
    with pytest.raises(ValueError, match='target of 3 columns for 4 prototypes'):
        loss(torch.randn(2, 5, 6), torch.randn(4, 6), torch.zeros(2, 3))

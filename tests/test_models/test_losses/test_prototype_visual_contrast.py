# Copyright (c) mmavs developers. All rights reserved.
import math

import pytest
import torch

from mmavs.models.losses import PrototypeVisualContrast

CLASSES, DIMS = 4, 6


def make(**kwargs):
    torch.manual_seed(0)
    loss = PrototypeVisualContrast(dict(embed_dims=DIMS, **kwargs))
    queries = torch.randn(2, 5, DIMS, requires_grad=True)
    prototypes = torch.randn(CLASSES, DIMS, requires_grad=True)
    return loss, queries, prototypes


@pytest.mark.parametrize('weight', [1.0, 3.0])
def test_matched_queries_and_prototypes_one_pair_at_a_time(weight):
    loss, queries, prototypes = make(loss_weight=weight)
    labels = torch.tensor([[4, 2, 4, 0, 4], [4, 4, 4, 4, 2]])
    pac = loss.contrast
    terms = []
    for frame, query in ((0, 1), (0, 3), (1, 4)):
        seen = pac.audio_proj(queries[frame, query])
        for k, prototype in enumerate(prototypes):
            meant = pac.proto_proj(prototype)
            cosine = seen @ meant / (seen.norm() * meant.norm())
            likely = 1 / (1 + math.exp(-cosine.item() / 0.07))
            terms.append(-math.log(likely if k == labels[frame, query] else 1 - likely))
    found = loss(queries, labels, prototypes, CLASSES)
    assert found.item() == pytest.approx(weight * sum(terms) / 12, rel=1e-5)


def test_teaches_prototypes_and_matched_queries_only():
    loss, queries, prototypes = make()
    labels = torch.tensor([[4, 2, 4, 4, 4], [4, 4, 4, 4, 4]])
    loss(queries, labels, prototypes, CLASSES).backward()
    assert queries.grad.any(-1).nonzero().tolist() == [[0, 1]]
    assert prototypes.grad.any(-1).all()


def test_lower_where_queries_are_like_their_prototypes():
    loss, _, prototypes = make(similarity='inner')
    torch.nn.init.eye_(loss.contrast.audio_proj.weight)
    labels = torch.arange(CLASSES)[None]
    like = loss(8 * prototypes[None], labels, prototypes, CLASSES)
    unlike = loss(8 * prototypes.flip(0)[None], labels, prototypes, CLASSES)
    assert like < unlike


@pytest.mark.parametrize('frames', [2, 0])
def test_without_a_match_it_is_zero_and_reaches_everything(frames):
    loss, queries, prototypes = make()
    labels = torch.full((frames, 5), CLASSES)
    found = loss(queries[:frames], labels, prototypes, CLASSES)
    assert found == 0
    found.backward()
    for tensor in (queries, prototypes, *loss.parameters()):
        assert tensor.grad is not None
        assert not tensor.grad.any()


def test_prototypes_of_other_things_than_classes_are_refused():
    loss, queries, prototypes = make()
    message = r'num_prototypes of decode_head.query_generator is 4, num_classes is 2'
    with pytest.raises(ValueError, match=message):
        loss(queries, torch.zeros(2, 5, dtype=torch.long), prototypes, 2)

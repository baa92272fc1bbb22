# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.structures import MaskOutputs
from mmavs.visualization import QueryMaps

PADDED, FRAME = (32, 48), (24, 40)
GRID = (8, 12)  # stride 4


def make_outputs(frames=2, queries=5, classes=3, assignment=None):
    torch.manual_seed(0)
    return MaskOutputs(
        cls_scores=[torch.zeros(1), torch.randn(frames, queries, classes + 1)],
        mask_logits=[torch.zeros(1), torch.randn(frames, queries, *GRID)],
        aux=dict(mask_feature=torch.zeros(frames, 4, *GRID), query_assignment=assignment),
    )


def one_hot(owners, queries=5):
    """(T, h, w) owners as a generator gives them: (T, Q, h*w)."""
    return torch.nn.functional.one_hot(owners.flatten(1), queries).transpose(1, 2).float()


def test_owners_at_the_size_of_the_frames():
    owners = torch.randint(5, (2, *GRID), generator=torch.Generator().manual_seed(1))
    # Straight-through gradients leave rounding errors.
    assignment = one_hot(owners) + 1e-7
    maps = QueryMaps.from_outputs(make_outputs(assignment=assignment), PADDED, FRAME)
    expected = owners.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :24, :40]
    assert torch.equal(maps.owners, expected) and maps.no_owners == ''
    shares = maps.owned_shares()
    counts = [(expected == query).sum() / expected.numel() for query in range(5)]
    torch.testing.assert_close(shares, torch.stack(counts))


def test_no_owners():
    maps = QueryMaps.from_outputs(make_outputs(), PADDED, FRAME)
    assert maps.owners is None and 'not made of pixels' in maps.no_owners
    assert maps.owned_shares().tolist() == [0] * 5
    soft = torch.randn(2, 5, 96).softmax(-1)
    maps = QueryMaps.from_outputs(make_outputs(assignment=soft), PADDED, FRAME)
    assert maps.owners is None and 'soft grouping' in maps.no_owners


def test_a_head_without_queries():
    with pytest.raises(ValueError, match='no cls_scores'):
        QueryMaps.from_outputs(MaskOutputs(logits=torch.zeros(2, 1, 8, 8)), PADDED, FRAME)


def test_logits_are_the_head_s_without_padding():
    outputs = make_outputs()
    maps = QueryMaps.from_outputs(outputs, PADDED, FRAME)
    whole = torch.nn.functional.interpolate(
        outputs.mask_logits[-1], PADDED, mode='bilinear', align_corners=False
    )
    torch.testing.assert_close(maps.logits_of([3, 1]), whole[:, [3, 1], :24, :40])
    torch.testing.assert_close(maps.probs, outputs.cls_scores[-1].softmax(-1))


def test_the_highest_scores_first():
    outputs = make_outputs()
    outputs.cls_scores[-1] = torch.tensor(
        [  # background, class 1, no object
            [[0, 0, 9.0], [3, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 5]],
            [[0, 0, 9.0], [0, 0, 3], [0, 0, 9], [0, 4, 0], [0, 0, 6]],
        ]
    )
    maps = QueryMaps.from_outputs(outputs, PADDED, FRAME)
    # Query 0 is sure that it sees nothing, which is no score.
    assert maps.choose(5) == [3, 1, 2, 4, 0]
    assert maps.choose(2) == [3, 1] and maps.choose(99) == maps.choose(5)


def test_even_choice_leaves_out_empty_masks():
    outputs = make_outputs(queries=40)
    outputs.mask_logits[-1] = torch.full((2, 40, *GRID), -1.0)
    seen = list(range(0, 40, 2))
    outputs.mask_logits[-1][1, seen, 2:4, 2:4] = 5.0
    outputs.mask_logits[-1][:, 1, 7:, :] = 5.0  # in the padding only
    maps = QueryMaps.from_outputs(outputs, PADDED, FRAME)
    assert maps.choose(40, 'even') == seen
    assert maps.choose(3, 'even') == [0, 20, 38] and maps.choose(1, 'even') == [0]
    outputs.mask_logits[-1].fill_(-1)
    assert QueryMaps.from_outputs(outputs, PADDED, FRAME).choose(3, 'even') == []


def test_arguments_of_the_choice():
    maps = QueryMaps.from_outputs(make_outputs(), PADDED, FRAME)
    with pytest.raises(ValueError, match='At least 1 query must be shown, got 0'):
        maps.choose(0)
    with pytest.raises(ValueError, match="order must be one of .*got 'best'"):
        maps.choose(1, 'best')

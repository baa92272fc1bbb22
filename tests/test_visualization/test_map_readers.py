# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
from toy_maps import GROUPS, STAGES, toy_aux

from mmavs.structures import MaskOutputs
from mmavs.visualization import MAP_READERS, MapRow, read_maps

T = 3


def outputs(num_classes=2, **changes):
    return MaskOutputs(aux={**toy_aux(T, num_classes), **changes})


def test_uncertainty_of_the_predicted_class():
    found = outputs(3)
    values = found.aux['uncertainty']
    (alone,) = read_maps(found, 'uncertainty')
    assert torch.allclose(alone.values, values.mean(1)) and alone.limits == (0, 1)
    classes = torch.randint(3, (T, 8, 6))
    found.logits = torch.nn.functional.one_hot(classes, 3).permute(0, 3, 1, 2).float()
    found.logits = found.logits.repeat_interleave(4, 2).repeat_interleave(4, 3)
    predicted, mean = read_maps(found, 'uncertainty')
    for frame in range(T):
        for row in range(8):
            for column in range(6):
                chosen = classes[frame, row, column]
                expected = values[frame, chosen, row, column]
                assert predicted.values[frame, row, column] == expected
    assert torch.equal(mean.values, alone.values)
    (single,) = read_maps(outputs(1), 'uncertainty')
    assert torch.equal(single.values, toy_aux(T, 1)['uncertainty'][:, 0])


@pytest.mark.parametrize('kind', ['relevance', 'groups'])
def test_merges(kind):
    found = outputs()
    rows = read_maps(found, kind)
    assert [row.values.shape for row in rows] == [(T, *grid) for grid in STAGES]
    for row, merge, count in zip(rows, found.aux['merges'], GROUPS):
        expected = merge.relevance if kind == 'relevance' else merge.assignment
        assert torch.equal(row.values, expected) and row.is_labels is (kind == 'groups')
        assert (f'{count} groups' in row.label) is (kind == 'groups')


def test_attention():
    found = outputs()
    pairs = found.aux['query_attention']
    own, *queries = read_maps(found, 'attention')
    for frame in range(T):
        assert torch.equal(own.values[frame], pairs[frame, frame])
        assert torch.equal(queries[frame].values, pairs[:, frame])
    assert len(queries) == T and queries[1].label == 'Query 1'


def test_bridge():
    found = outputs()
    rows = read_maps(found, 'bridge')
    assert [row.label for row in rows] == [
        f'{what} sound{s}\n{size}'
        for size in ('8x6', '4x3')
        for what, s in (('Own', ''), ('All', 's'))
    ]
    coarse = found.aux['bridge_attention'][1]
    assert torch.equal(rows[2].values[2], coarse[2, 2])
    torch.testing.assert_close(rows[3].values[1], (coarse[1, 0] + coarse[1, 1] + coarse[1, 2]) / 3)


def test_at_the_size_of_the_frames():
    groups = torch.arange(12).view(1, 3, 4)
    row = MapRow('a', groups).at_size((12, 16), (10, 14))
    for y in range(10):
        for x in range(14):
            assert row.values[0, y, x] == groups[0, y // 4, x // 4]
    levels = MapRow('a', groups.float(), (0, 1)).at_size((12, 16), (10, 14))
    assert levels.values.shape == (1, 10, 14) and levels.limits == (0, 1)
    # A cell's number is 4 * row + column; the middle of pixel 5 is 0.875 of a cell from cell 0.
    assert levels.values[0, 5, 5] == pytest.approx(4 * 0.875 + 0.875)
    assert levels.values[0, 9, 13] == pytest.approx(4 * 1.875 + 2.875)
    assert levels.values[0, 0, 0] == 0


@pytest.mark.parametrize('kind', MAP_READERS)
def test_a_head_without_such_maps(kind):
    message = rf"so there is no {kind} to draw; it gives \['mask_feature'\]. Take a .* configs/"
    with pytest.raises(ValueError, match=message):
        read_maps(MaskOutputs(aux=dict(mask_feature=torch.zeros(1))), kind)


def test_bad_calls():
    with pytest.raises(ValueError, match="kinds .*'bridge'.* got 'depth'"):
        read_maps(outputs(), 'depth')
    with pytest.raises(ValueError, match='no "merges"'):
        read_maps(outputs(merges=[]), 'groups')
    with pytest.raises(ValueError, match='Maps of 3 frames by 5'):
        read_maps(outputs(query_attention=torch.rand(3, 5, 2, 2)), 'attention')

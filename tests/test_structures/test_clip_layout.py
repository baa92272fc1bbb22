# Copyright (c) mmavs developers. All rights reserved.
"""Rows and clips: laying out and taking back."""

import torch

from mmavs.structures import ClipLayout

VALID = torch.tensor([True, True, False, True, True, True])


def test_rows_of_valid_frames_go_to_their_places_and_back():
    layout = ClipLayout(3, VALID)
    rows = torch.arange(10.0).reshape(5, 2)
    clips = layout.to_clips(rows, fill=torch.tensor([7.0, 8.0]))
    assert clips.shape == (2, 3, 2)
    assert clips[0].tolist() == [[0, 1], [2, 3], [7, 8]]
    assert clips[1].tolist() == [[4, 5], [6, 7], [8, 9]]
    assert torch.equal(layout.to_rows(clips), rows)
    assert layout.drop_padding(rows) is rows
    assert layout.row_valid.tolist() == [True] * 5


def test_padded_rows_are_kept_or_dropped():
    layout = ClipLayout(3, VALID, has_padding=True)
    rows = torch.arange(6.0)
    assert layout.to_clips(rows).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert torch.equal(layout.to_rows(layout.to_clips(rows)), rows)
    assert layout.drop_padding(rows).tolist() == [0, 1, 3, 4, 5]
    assert layout.row_valid.tolist() == VALID.tolist()


def test_gradients_reach_rows_and_fill():
    layout = ClipLayout(3, VALID)
    rows = torch.ones(5, 2, requires_grad=True)
    fill = torch.zeros(2, requires_grad=True)
    layout.to_clips(rows, fill).sum().backward()
    assert rows.grad.sum() == 10
    assert fill.grad.tolist() == [1, 1]


def test_each_row_gets_what_all_frames_of_its_clip_have():
    rows = torch.arange(1.0, 6.0)
    first, second = [1, 2, 0], [3, 4, 5]
    expected = [first, first, second, second, second]
    assert ClipLayout(3, VALID).of_clip(rows).tolist() == expected
    rows = torch.arange(1.0, 7.0)
    expected = [[1, 2, 3]] * 3 + [[4, 5, 6]] * 3
    assert ClipLayout(3, VALID, has_padding=True).of_clip(rows).tolist() == expected

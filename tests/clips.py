# Copyright (c) mmavs developers. All rights reserved.
"""Layouts of clips of unequal length, for tests of what mixes the frames of a clip."""

import torch

from mmavs.structures import ClipLayout


def clip_layout(*lengths: int, has_padding: bool = False) -> ClipLayout:
    """Layout of clips of so many valid frames, padded to the longest."""
    longest = max(lengths)
    valid = torch.cat([torch.arange(longest) < length for length in lengths])
    return ClipLayout(longest, valid, has_padding)


def rows_of(layout: ClipLayout, clip: int) -> list[int]:
    """Which of the rows are the valid frames of a clip."""
    clips = layout.to_clips(torch.arange(1, 1 + len(layout.row_valid)))
    real = layout.valid.view(-1, layout.num_frames)
    return (clips[clip][real[clip]] - 1).tolist()

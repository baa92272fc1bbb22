# Copyright (c) mmavs developers. All rights reserved.
"""What the Maskige of a frame is called."""

from pathlib import Path

MASKIGE_SUFFIX = '_mask_color.png'
"""str: What follows the stem of the frame in the name of its Maskige."""


def maskige_file(frame: str | Path) -> Path:
    """Name of a frame's Maskige: ``clip/a_1.png`` to ``clip/a_1_mask_color.png``."""
    frame = Path(frame)
    return frame.with_name(frame.stem + MASKIGE_SUFFIX)

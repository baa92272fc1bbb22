# Copyright (c) mmavs developers. All rights reserved.
"""Check what a user asks of an inferencer before any file is touched."""


def check_options(
    batch_size: int, fps: float | None = None, clip_frames: int = 5, opacity: float = 0.5
) -> None:
    """Refuse numbers that are out of range.

    Raises:
        ValueError: If one is.
    """
    if batch_size < 1:
        raise ValueError(f'The batch size must be at least 1, got {batch_size}.')
    if clip_frames < 1:
        raise ValueError(f'clip_frames must be at least 1, got {clip_frames}.')
    if fps is not None and not 0 < fps < float('inf'):
        raise ValueError(f'fps must be a positive number, got {fps}.')
    if not 0 <= opacity <= 1:
        raise ValueError(f'The opacity must be in [0, 1], got {opacity}.')

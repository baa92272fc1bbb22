# Copyright (c) mmavs developers. All rights reserved.
"""How a query head tells what its queries were matched to, without knowing who listens."""

from mmengine.logging import MessageHub
from torch import Tensor

KEY = 'query_assignments'


def publish_assignments(labels: Tensor, num_classes: int) -> None:
    """Say which class each query was assigned in this training step.

    Costs nothing where nobody listens (see :func:`listen`). Several calls in one step, e.g. of two
    passes, add up.

    Args:
        labels (Tensor): (B, N) int64, one row a frame, one column a query; ``num_classes`` where a
            query was assigned to no object.
        num_classes (int): C, no object not counted.

    Raises:
        ValueError: If the labels are not (B, N).
    """
    published = MessageHub.get_current_instance().get_info(KEY)
    if published is None:
        return
    if labels.ndim != 2:
        raise ValueError(f'Assignments are (B frames, N queries), got {tuple(labels.shape)}.')
    published.append((labels.detach(), num_classes))


def listen() -> None:
    """Have assignments kept from now on; forgets those that are there."""
    MessageHub.get_current_instance().update_info(KEY, [], resumed=False)


def take_assignments() -> list[tuple[Tensor, int]]:
    """What was published since :func:`listen` or the last call, which is forgotten.

    Returns:
        list[tuple[Tensor, int]]: (B, N) labels and C of each call of :func:`publish_assignments`.
    """
    published = MessageHub.get_current_instance().get_info(KEY) or []
    taken = list(published)
    published.clear()
    return taken


def stop_listening() -> None:
    """Have assignments kept no longer."""
    MessageHub.get_current_instance().update_info(KEY, None, resumed=False)

# Copyright (c) mmavs developers. All rights reserved.
"""What is to be found in a frame: one binary mask for each label that it has."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmavs.structures import IGNORE_INDEX


@dataclass(frozen=True)
class FrameTargets:
    """N target masks of the M frames of a batch that count, frame by frame, labels ascending.

    Attributes:
        chosen (Tensor, optional): (M,) int64, rows of the batch that count; None: all of them.
        counts (list[int]): Masks of each of the M frames, known on the CPU.
        rows (Tensor): (N,) int64, the row of the batch that each mask is of.
        frames (Tensor): (N,) int64, its frame among the M.
        slots (Tensor): (N,) int64, the place of each mask among those of its frame.
        labels (Tensor): (N,) int64, its class.
        masks (Tensor): (N, 1, H, W) float32, 1 where the label map has that class.
        labelled (Tensor, optional): (M, 1, H, W) float32, 1 where a pixel has a label; None: all
            have.
    """

    chosen: Tensor | None
    counts: list[int]
    rows: Tensor
    frames: Tensor
    slots: Tensor
    labels: Tensor
    masks: Tensor
    labelled: Tensor | None = None

    def choose(self, rows: Tensor) -> Tensor:
        """The M rows that count, of the rows of the batch."""
        return rows if self.chosen is None else rows[self.chosen]


def present_labels(target: Tensor) -> Tensor:
    """Which labels a frame has.

    Args:
        target (Tensor): (M, H, W) int64, 0 to 255.

    Returns:
        Tensor: (M, 256) bool; the last column is «some pixel has no label».
    """
    present = torch.zeros(len(target), IGNORE_INDEX + 1, dtype=torch.bool, device=target.device)
    return present.scatter_(1, target.flatten(1), True)


def split_labels(target: Tensor, num_classes: int, annotated: Tensor | None = None) -> FrameTargets:
    """Cut label maps into binary masks (VCT sheet, section 3: «instances»).

    Every label of a frame is a target, background (0) included; 255 belongs to none, so a frame may
    have no target. What the frames show is copied to the CPU once, V x 257 flags.

    Args:
        target (Tensor): (V, H, W) int64 classes.
        num_classes (int): K, with the background.
        annotated (Tensor, optional): (V,) bool, frames that count. Defaults to None: all.

    Returns:
        FrameTargets: Of the annotated frames.

    Raises:
        ValueError: If a frame has a label that is no class.
    """
    if annotated is None:
        annotated = torch.ones(len(target), dtype=torch.bool, device=target.device)
    flags = torch.cat([present_labels(target), annotated.to(target.device)[:, None]], 1).cpu()
    rows = flags[:, -1].nonzero().flatten()
    present = flags[rows, :IGNORE_INDEX]
    frames, labels = present.nonzero(as_tuple=True)
    if len(labels) and labels.max() >= num_classes:
        raise ValueError(
            f'The masks have the label {int(labels.max())}, but num_classes of the criterion is '
            f'{num_classes}: labels are 0 to {num_classes - 1}, and {IGNORE_INDEX} for none. Set '
            'num_classes of the head and the criterion to that of the data set.'
        )
    slots = (present.cumsum(1) - 1)[frames, labels]
    numbers = torch.stack([rows[frames], frames, slots, labels])
    chosen = None if len(rows) == len(target) else rows.to(target.device, non_blocking=True)
    rows, frames, slots, labels = numbers.to(target.device, non_blocking=True)
    labelled = None
    if flags[:, IGNORE_INDEX].any():
        counted = target if chosen is None else target[chosen]
        labelled = (counted != IGNORE_INDEX).float().unsqueeze(1)
    masks = target.to(torch.uint8)[rows] == labels.to(torch.uint8)[:, None, None]
    return FrameTargets(
        chosen=chosen,
        counts=present.sum(1).tolist(),
        rows=rows,
        frames=frames,
        slots=slots,
        labels=labels,
        masks=masks.float().unsqueeze(1),
        labelled=labelled,
    )

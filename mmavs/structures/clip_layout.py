# Copyright (c) mmavs developers. All rights reserved.
"""Which rows of a flat batch of frames belong to which clip."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True)
class ClipLayout:
    """B clips of T frames, of which only some rows were computed.

    A batch is N = B*T rows, clip-major. What a head is given has R rows: those of the valid frames,
    or all N where padded frames are computed too.

    Attributes:
        num_frames (int): T, padding included.
        valid (Tensor): (N,) bool, False on frames that only pad their clip.
        has_padding (bool): Whether the rows of padded frames are among the R.
    """

    num_frames: int
    valid: Tensor
    has_padding: bool = False

    @cached_property
    def is_full(self) -> bool:
        """Whether every row was computed, so that rows are B*T."""
        return self.has_padding or bool(self.valid.all())

    @property
    def row_valid(self) -> Tensor:
        """(R,) bool, which of the rows are valid frames."""
        return self.valid if self.has_padding else self.valid[self.valid]

    def drop_padding(self, rows: Tensor) -> Tensor:
        """The rows of valid frames, (V, ...), of R rows."""
        return rows[self.valid] if self.has_padding else rows

    def to_clips(self, rows: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        """Lay rows out by clip and time.

        Args:
            rows (Tensor): (R, ...).
            fill (Tensor | float): What stands on frames without a row, of shape (...) or a number.
                Defaults to 0.

        Returns:
            Tensor: (B, T, ...).
        """
        if not self.is_full:
            laid = rows.new_empty(len(self.valid), *rows.shape[1:])
            laid[:] = fill
            laid[self.valid] = rows
            rows = laid
        return rows.unflatten(0, (-1, self.num_frames))

    def to_rows(self, clips: Tensor) -> Tensor:
        """The R rows of a tensor (B, T, ...): the inverse of :meth:`to_clips`."""
        rows = clips.flatten(0, 1)
        return rows if self.is_full else rows[self.valid]

    def of_clip(self, rows: Tensor) -> Tensor:
        """For each row what all frames of its clip have: (R, ...) to (R, T, ...).

        Zero on frames without a row.
        """
        clips = self.to_clips(rows)
        return self.to_rows(clips[:, None].expand(-1, self.num_frames, *clips.shape[1:]))

# Copyright (c) mmavs developers. All rights reserved.
"""Results on disk: masks and records as they are made, so that an interruption loses nothing."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from mmavs.utils.errors import MediaError

MASK_NAME = re.compile(r'\d{6,}_t\d+\.\d{3}s\.png')


class ResultWriter:
    """Write the masks and records of one video into a folder.

    ``masks/000012_t12.920s.png`` (number and time of the frame) are written one by one, each at
    once whole; ``frames.jsonl`` gets a line a frame. :meth:`finish` turns the lines into
    ``results.json``; if the run ends early, that is done too, with ``"complete": false`` and the
    reason, and ``frames.jsonl`` stays, for ``resume``.

    Args:
        out_dir (str | Path): The folder. Masks of an earlier run in it are removed, unless resumed.
        header (dict): Goes to the top of ``results.json``; a run is resumed only if it is the same.
        palette (Sequence, optional): RGB of the classes: masks are written as class indices with
            these colours. Defaults to None: a binary task, 0 and 255.
        resume (bool): Whether to keep what an interrupted run has written. Defaults to False.

    Raises:
        MediaError: If the run to be resumed was made with other settings.
    """

    def __init__(
        self,
        out_dir: str | Path,
        header: dict[str, Any],
        palette: Sequence[Sequence[int]] | None = None,
        resume: bool = False,
    ) -> None:
        self.out_dir = Path(out_dir)
        self.masks_dir = self.out_dir / 'masks'
        self.masks_dir.mkdir(parents=True, exist_ok=True)
        self.header = json.loads(_json(header, 'The header of results.json'))
        self.palette = palette
        self.num_done = 0
        self._lines_path = self.out_dir / 'frames.jsonl'
        if resume and self._lines_path.is_file():
            self._take_up()
        else:
            self._start_over()
        # Open for the life of the writer, which closes it.
        self._lines = open(self._lines_path, 'a', encoding='utf-8')  # noqa: SIM115

    def write(self, index: int, time: float, mask: np.ndarray, **record: Any) -> None:
        """Write one frame.

        Args:
            index (int): Number of the sampled frame.
            time (float): Of the frame, in seconds.
            mask (ndarray): (H, W) class indices.
            **record (Any): More for the record, JSON values.

        Raises:
            ValueError: If a number of the record is NaN or infinite, which JSON does not know.
        """
        path = self.mask_path(index, time)
        line = dict(index=index, time=time, **record, mask=f'masks/{path.name}')
        text = _json(line, f'The record of frame {index}')
        self._write_mask(mask, path)
        self._lines.write(text + '\n')
        self._lines.flush()
        self.num_done += 1

    def mask_path(self, index: int, time: float) -> Path:
        """Where the mask of a frame is."""
        return self.masks_dir / f'{index:06d}_t{time:.3f}s.png'

    def records(self) -> Iterator[dict[str, Any]]:
        """The records that were written, read back one by one."""
        self._lines.flush()
        with open(self._lines_path, encoding='utf-8') as lines:
            next(lines)  # the header
            for line in lines:
                yield json.loads(line)

    def finish(self, **more: Any) -> Path:
        """Write ``results.json``; it is replaced as a whole.

        Args:
            **more (Any): Added to the header.

        Returns:
            Path: The file.
        """
        path = self.out_dir / 'results.json'
        part = path.with_suffix('.json.part')
        with open(part, 'w', encoding='utf-8') as file:
            header = {**self.header, **more, 'num_frames': self.num_done}
            top = _json(header, 'The header of results.json', indent=2)
            file.write(top[: top.rindex('\n}')] + ',\n  "frames": [')
            for number, record in enumerate(self.records()):
                file.write(f'{"," if number else ""}\n    {_json(record, "A record")}')
            file.write('\n  ]\n}\n')
        os.replace(part, path)
        return path

    def close(self, keep_lines: bool) -> None:
        """Close; ``frames.jsonl`` is removed unless it is still needed to resume."""
        self._lines.close()
        if not keep_lines:
            self._lines_path.unlink()

    def __enter__(self) -> 'ResultWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.finish(complete=False, stopped_by=f'{kind.__name__}: {error}', overlay=None)
        self.close(keep_lines=kind is not None)

    def _start_over(self) -> None:
        for path in self.masks_dir.iterdir():
            if MASK_NAME.fullmatch(path.name):
                path.unlink()
        header = _json(self.header, 'The header of results.json')
        self._lines_path.write_text(header + '\n', encoding='utf-8')

    def _take_up(self) -> None:
        """Count the frames of the earlier run; a last line that was cut off is dropped."""
        with open(self._lines_path, 'rb+') as lines:
            header = lines.readline()
            if not header.endswith(b'\n') or json.loads(header) != self.header:
                raise MediaError(
                    f'{self._lines_path}: is of a run with other settings or another input, so it '
                    'cannot be resumed. Use another output folder, or run without resuming.'
                )
            end = lines.tell()
            while (line := lines.readline()).endswith(b'\n'):
                self.num_done += 1
                end += len(line)
            lines.truncate(end)

    def _write_mask(self, mask: np.ndarray, path: Path) -> None:
        if self.palette is None:
            image = Image.fromarray((mask > 0).astype(np.uint8) * 255)
        else:
            image = Image.fromarray(mask.astype(np.uint8), mode='P')
            image.putpalette(np.asarray(self.palette, dtype=np.uint8).flatten().tolist())
        part = path.with_suffix('.part')
        image.save(part, format='PNG')
        os.replace(part, path)


def _json(value: dict[str, Any], what: str, indent: int | None = None) -> str:
    try:
        return json.dumps(value, allow_nan=False, indent=indent)
    except ValueError as error:
        raise ValueError(f'{what} holds NaN or an infinite number: {value}.') from error


def read_mask(path: str | Path) -> np.ndarray:
    """A mask as class indices (H, W): of a binary task 0 and 1."""
    with Image.open(path) as image:
        mask = np.array(image)
        return mask if image.mode == 'P' else (mask > 0).astype(np.uint8)

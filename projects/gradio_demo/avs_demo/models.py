# Copyright (c) mmavs developers. All rights reserved.
"""The models that the page offers, each loaded when it is first chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmavs.apis import AVSInferencer

QUICKSTART_NAME = 'AVSegFormer R-18 of the quickstart'
QUICKSTART_CONFIG = 'configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py'


@dataclass(frozen=True)
class Protocol:
    """How a clip is cut into what the model sees at once.

    Attributes:
        fps (float, optional): Frames a second; None: one, chosen and heard as in the benchmarks.
        clip_frames (int): Frames that the model sees at once.
    """

    fps: float | None
    clip_frames: int


PROTOCOLS = {
    'S4, MS3: one frame a second, clips of 5': Protocol(None, 5),
    'AVSS: one frame a second, clips of 10': Protocol(None, 10),
    'dense: four frames a second': Protocol(4.0, 5),
}
"""dict[str, Protocol]: By what the page calls them."""

DEFAULT_PROTOCOL = 'dense: four frames a second'
"""str: Masks follow what moves; the benchmarks' protocols are for numbers."""


def quickstart_model(work_dir: Path, root: Path) -> str:
    """What ``--model`` would say for the model of the quickstart.

    Args:
        work_dir (Path): Of the quickstart.
        root (Path): Of the checkout.

    Raises:
        FileNotFoundError: If the quickstart did not run here; names the command.
    """
    note = work_dir / 'train' / 'last_checkpoint'
    checkpoint = Path(note.read_text().strip()) if note.is_file() else None
    if checkpoint is None or not checkpoint.is_file():
        raise FileNotFoundError(
            f'{work_dir} has no trained model of the quickstart. Make it with "bash '
            'tools/quickstart.sh", about 10 minutes, or name one of yours: --model '
            'NAME=CONFIG,CHECKPOINT.'
        )
    return f'{QUICKSTART_NAME}={root / QUICKSTART_CONFIG},{checkpoint}'


class Models:
    """Inferencers by name.

    Args:
        texts (Sequence[str]): ``NAME=CONFIG,CHECKPOINT`` each, or ``CONFIG,CHECKPOINT``, which is
            called by the name of its config.
        device (str, optional): Defaults to None: a GPU if there is one.

    Raises:
        ValueError: If a text has another form, or two have one name.
        FileNotFoundError: If a file is not there.
    """

    def __init__(self, texts: Sequence[str], device: str | None = None) -> None:
        self._device = device
        self._files: dict[str, tuple[str, str]] = {}
        self._loaded: dict[str, AVSInferencer] = {}
        for text in texts:
            name, _, files = text.rpartition('=')
            config, comma, checkpoint = files.partition(',')
            if not (comma and config and checkpoint):
                raise ValueError(f'--model is "{text}", expected NAME=CONFIG,CHECKPOINT.')
            for file in (config, checkpoint):
                if not Path(file).is_file():
                    raise FileNotFoundError(f'--model {text}: there is no file {file}.')
            name = name or Path(config).stem
            if name in self._files:
                raise ValueError(f'--model: two models are called "{name}".')
            self._files[name] = config, checkpoint

    @property
    def names(self) -> list[str]:
        """list[str]: In the order that they were given."""
        return list(self._files)

    def load(self, name: str) -> AVSInferencer:
        """The model of a name, from memory if it was loaded before.

        Raises:
            ValueError: If there is none.
        """
        if name not in self._files:
            raise ValueError(f'There is no model "{name}", expected one of: {self.names}.')
        if name not in self._loaded:
            config, checkpoint = self._files[name]
            self._loaded[name] = AVSInferencer(
                config, checkpoint, self._device, show_progress=False
            )
        return self._loaded[name]

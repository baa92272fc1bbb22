# Copyright (c) mmavs developers. All rights reserved.
"""Mixtures of a sound with another one that is off the screen, for CPM's un-mixing."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.utils.audio_io import read_audio

from .log_mel import LogMelFrontend


class MixedSound(NamedTuple):
    """Sounds with noise.

    Attributes:
        mixed (Tensor): (V, C, T, F) linear magnitudes a_p = a_i + a_j; a_i where nothing was added.
        usable (Tensor): (V,) bool, whether noise was added.
    """

    mixed: Tensor
    usable: Tensor


@MODELS.register_module()
class DisjointMixing(nn.Module):
    """Add an off-screen sound to each sound of a batch (CPM, section 3.2, ACP; sheet cpm.md,
    section 5).

    The paper's set of noises is not named. By default the noise of a frame is the sound of another
    one of the batch that has no class in common with it but the background; a batch of a binary
    benchmark has none, so take a folder there.

    Linear magnitudes are added, as in the paper, and the noise is scaled to ``gain`` times the root
    mean square of the frame's sound.

    Args:
        folder (str, optional): Folder of WAV files, also in folders below it, of which a random
            piece is the noise; files are read in the training step, so short ones on a fast disk.
            Defaults to None: other frames of the batch.
        gain (tuple[float, float]): Range of the noise's level, relative to the sound's; drawn
            uniformly. Defaults to (0.5, 1).
        silence (float): Root mean square of magnitudes below which a sound counts as silent: it
            gets no noise, and is no noise. Defaults to 1e-3.

    Raises:
        FileNotFoundError: If the folder has no WAV file.
        ValueError: If the range of the gain is not rising or not above 0.
    """

    def __init__(
        self,
        folder: str | None = None,
        gain: tuple[float, float] = (0.5, 1.0),
        silence: float = 1e-3,
    ) -> None:
        super().__init__()
        if not 0 < gain[0] <= gain[1]:
            raise ValueError(f'gain must be two rising numbers above 0, got {tuple(gain)}.')
        self.gain = tuple(gain)
        self.silence = silence
        self.files = None
        if folder is not None:
            self.files = sorted(Path(folder).rglob('*.wav'))
            if not self.files:
                raise FileNotFoundError(
                    f'There is no WAV file in the folder of noises {folder}. Give one that has, '
                    'or set folder=None to mix the sounds of a batch.'
                )

    @torch.no_grad()
    def forward(
        self, clean: Tensor, present: Tensor, front_end: LogMelFrontend | None = None
    ) -> MixedSound:
        """Mix.

        Args:
            clean (Tensor): (V, C, T, F) linear magnitudes a_i.
            present (Tensor): (V, K) bool, classes of each frame; the background, column 0, is not
                read.
            front_end (LogMelFrontend, optional): What made the magnitudes; needed for a folder.

        Returns:
            MixedSound: Of each frame.

        Raises:
            ValueError: If noises are files and there is no front end.
        """
        level = clean.square().mean((1, 2, 3)).sqrt()
        audible = level > self.silence
        if self.files is None:
            partner = disjoint_partners(present[:, 1:], audible)
            noise, found = clean[partner.clamp(min=0)], partner >= 0
        else:
            noise = self._from_files(clean, front_end)
            found = torch.ones_like(audible)
        noise_level = noise.square().mean((1, 2, 3)).sqrt()
        usable = audible & found & (noise_level > self.silence)
        low, high = self.gain
        gain = low + (high - low) * torch.rand(len(clean), device=clean.device)
        scale = torch.where(usable, gain * level / noise_level.clamp(min=self.silence), 0.0)
        return MixedSound(clean + scale[:, None, None, None].to(clean.dtype) * noise, usable)

    def _from_files(self, clean: Tensor, front_end: LogMelFrontend | None) -> Tensor:
        """Magnitudes (V, C, T, F) of a random piece of a random file for each frame."""
        if front_end is None:
            raise ValueError('Noises from a folder need the front end that made the magnitudes.')
        num_frames, channels, windows = clean.shape[:3]
        samples = (windows - 1) * front_end.hop_length + front_end.window_length
        pieces = [
            self._piece(int(number), samples, front_end.sample_rate)
            for number in torch.randint(len(self.files), (num_frames,))
        ]
        waveform = torch.stack(pieces).to(clean.device)
        magnitude = front_end.mel_magnitude(waveform).to(clean.dtype)
        return magnitude[:, None].expand(-1, channels, -1, -1)

    def _piece(self, number: int, samples: int, sample_rate: int) -> Tensor:
        """(samples,) from a random place of a file, which is repeated if it is too short."""
        waveform = torch.from_numpy(read_audio(self.files[number], sample_rate)[0][0])
        waveform = waveform.repeat(-(-samples // len(waveform)))
        start = int(torch.randint(len(waveform) - samples + 1, ()))
        return waveform[start : start + samples]


def disjoint_partners(present: Tensor, audible: Tensor) -> Tensor:
    """For each frame the nearest one before it, round the batch, that shares no class with it.

    Args:
        present (Tensor): (V, K) bool.
        audible (Tensor): (V,) bool, frames that may be a partner.

    Returns:
        Tensor: (V,) int64, -1 where there is none.
    """
    frames = torch.arange(len(present), device=present.device)
    shared = present.float() @ present.float().mT > 0
    allowed = ~shared & audible & (frames[:, None] != frames)
    steps = (frames[:, None] - frames) % max(len(frames), 1)
    steps = steps.masked_fill(~allowed, len(frames))
    if not len(frames):
        return frames
    nearest = steps.argmin(1)
    return nearest.masked_fill(~allowed.any(1), -1)

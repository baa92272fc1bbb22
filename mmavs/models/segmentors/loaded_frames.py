# Copyright (c) mmavs developers. All rights reserved.
"""Which frames of their clips the samples of a batch have."""

import torch
from torch import Tensor

from mmavs.structures import AVSDataSample


def heard_frames(
    audio: Tensor, num_frames: int, data_samples: list[AVSDataSample] | None
) -> tuple[int, Tensor | None]:
    """Which frames of the clips an audio encoder has to hear.

    Args:
        audio (Tensor): Waveforms (B, C, S) of whole clips, or log-mels (B, T, C, t, f).
        num_frames (int): T, padding included.
        data_samples (list[AVSDataSample], optional): See :meth:`AVSegmentor.extract_audio`.

    Returns:
        tuple[int, Tensor | None]: Frames of the longest clip, and (B, T) int64 indices, None: all.
    """
    if audio.dim() != 3 or not data_samples or 'frame_indices' not in data_samples[0].metainfo:
        return num_frames, None
    indices = torch.zeros(len(data_samples), num_frames, dtype=torch.long)
    for row, sample in zip(indices, data_samples):
        row[: len(sample.frame_indices)] = torch.as_tensor(sample.frame_indices)
    length = max(
        sample.metainfo.get('num_clip_frames', len(sample.frame_indices)) for sample in data_samples
    )
    return length, indices


def check_whole_clips(data_samples: list[AVSDataSample]) -> None:
    """Refuse clips of which only some frames were loaded, where frames of a clip see each other.

    Raises:
        ValueError: If a clip is not whole.
    """
    for sample in data_samples:
        loaded = len(sample.metainfo.get('frame_indices', ()))
        whole = sample.metainfo.get('num_clip_frames', loaded)
        if loaded < whole:
            raise ValueError(
                f'Clip "{sample.metainfo.get("clip_id")}" has {loaded} of {whole} frames, but the '
                'decode_head mixes the frames of a clip: load whole clips '
                '(train_dataloader.dataset.frames="all", no RandomClipFrames).'
            )

# Copyright (c) mmavs developers. All rights reserved.
"""Predictions of clips as plain records, one a frame."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mmavs.structures import AVSDataSample

from .clip_stream import Clip


def clip_metainfo(source: str, clip: Clip) -> dict[str, Any]:
    """What :func:`frame_records` needs of a clip beside its prediction."""
    return dict(
        source=source,
        frame_numbers=list(range(clip.index, clip.index + len(clip.images))),
        frame_times=clip.times,
        heard_from=clip.heard_from,
    )


def drop_padding(pred: AVSDataSample, num_frames: int) -> None:
    """Drop the frames that only padded a clip to the length of its batch, in place."""
    for field in ('pred_sem_seg', 'pred_scores'):
        if field in pred:
            pred.get(field).data = pred.get(field).data[:num_frames]
    pred.frame_valid = pred.frame_valid[:num_frames]
    pred.frame_annotated = pred.frame_annotated[:num_frames]


def apply_threshold(pred: AVSDataSample, threshold: float) -> None:
    """Draw the masks of a binary task anew from the scores, in place.

    Raises:
        ValueError: If the task is not binary.
    """
    if 'pred_scores' not in pred:
        raise ValueError('A threshold is for binary tasks; this model tells classes apart.')
    pred.pred_sem_seg.data = (pred.pred_scores.data > threshold).long()


def frame_records(pred: AVSDataSample) -> Iterator[dict[str, Any]]:
    """One record a frame.

    Args:
        pred (AVSDataSample): With the metainfo ``frame_numbers``, ``frame_times``, ``heard_from``.

    Yields:
        dict: ``index``; ``time`` and ``heard_from`` (begin of its sound) in seconds; ``area``, the
        share of the picture that is masked; ``score``, the mean score of the masked pixels (0 if
        none is), and ``max_score``, both None with several classes; ``classes`` that are there;
        ``mask`` (H, W) uint8.
    """
    scores = pred.pred_scores.data if 'pred_scores' in pred else None
    for k, labels in enumerate(pred.pred_sem_seg.data):
        masked = labels > 0
        score = None
        if scores is not None:
            score = round(float(scores[k][masked].mean()), 6) if masked.any() else 0.0
        yield dict(
            index=pred.frame_numbers[k],
            time=pred.frame_times[k],
            heard_from=round(pred.heard_from[k], 6),
            area=round(float(masked.double().mean()), 6),
            score=score,
            max_score=None if scores is None else round(float(scores[k].max()), 6),
            classes=torch.unique(labels[masked]).tolist(),
            mask=labels.cpu().numpy().astype(np.uint8),
        )

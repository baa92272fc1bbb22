# Copyright (c) mmavs developers. All rights reserved.
"""Samples of semantic clips for the tests of the metrics."""

import torch
from mmengine.structures import PixelData

from mmavs.structures import AVSDataSample


def make_sample(pred, labels, valid=None, annotated=None, **meta) -> AVSDataSample:
    """A clip with predicted and labelled classes (T, H, W)."""
    sample = AVSDataSample(metainfo=dict(clip_id='clip', **meta))
    sample.pred_sem_seg = PixelData(data=torch.as_tensor(pred).long())
    sample.gt_sem_seg = PixelData(data=torch.as_tensor(labels).long())
    everything = torch.ones(len(labels), dtype=torch.bool)
    sample.frame_valid = everything if valid is None else torch.tensor(valid)
    sample.frame_annotated = everything if annotated is None else torch.tensor(annotated)
    return sample


def random_samples(num: int, num_classes: int = 6, size: int = 20) -> list[AVSDataSample]:
    """Clips of 5 and 10 frames of blobs, with subset, partition, condition and query labels."""
    samples = []
    for index in range(num):
        generator = torch.Generator().manual_seed(index)
        frames = (5, 10, 10)[index % 3]
        coarse = torch.randint(0, num_classes, (frames, 2, 2), generator=generator)
        labels = coarse.repeat_interleave(size // 2, 1).repeat_interleave(size // 2, 2)
        noise = torch.randint(0, num_classes, labels.shape, generator=generator)
        keep = torch.rand(labels.shape, generator=generator) > 0.4
        sample = make_sample(
            torch.where(keep, labels, noise),
            labels,
            subset=('v1s', 'v1m', 'v2')[index % 3],
            audio_condition=('original', 'silence', 'noise', 'offscreen', 'swapped')[index % 5],
            num_clip_frames=frames,
        )
        sample.query_labels = torch.randint(0, num_classes + 1, (frames, 3), generator=generator)
        samples.append(sample)
    return samples


def evaluate(metric, samples, num_classes=None, batch_size: int = 1) -> dict[str, float]:
    """Scores without prefix."""
    if num_classes is not None:
        metric.dataset_meta = dict(classes=tuple(f'class {i}' for i in range(num_classes)))
    for start in range(0, len(samples), batch_size):
        batch = samples[start : start + batch_size]
        metric.process({}, [sample.to_dict() for sample in batch])
    scores = metric.evaluate(len(samples))
    return {name.split('/')[-1]: value for name, value in scores.items()}

# Copyright (c) mmavs developers. All rights reserved.
"""What the metrics read from the samples of an evaluation."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

REMEDIES = dict(
    pred_scores='predict of binary tasks writes pred_scores.',
    pred_sem_seg='predict writes pred_sem_seg.',
    gt_sem_seg='A pipeline with LoadClipMasks gives gt_sem_seg.',
    frame_valid='PackAVSInputs gives frame_valid.',
    frame_annotated='PackAVSInputs gives frame_annotated.',
    query_labels='A query head writes query_labels (T, Q) into the samples that it predicts.',
    audio_condition='The data sets of mmavs give audio_condition; keep it in meta_keys of '
    'PackAVSInputs.',
)
LABEL_FIELDS = ('gt_sem_seg', 'frame_valid', 'frame_annotated')


def require_fields(sample: dict, fields: Sequence[str], metric: str) -> None:
    """Refuse a sample that lacks something.

    Args:
        sample (dict): One clip.
        fields (Sequence[str]): What must be there.
        metric (str): Who needs it.

    Raises:
        ValueError: Names the clip, what it lacks, and where that comes from.
    """
    missing = [field for field in fields if field not in sample]
    if missing:
        remedies = ' '.join(REMEDIES[field] for field in missing if field in REMEDIES)
        raise ValueError(
            f'{metric} needs {", ".join(missing)}, which clip "{clip_name(sample)}" lacks. '
            f'{remedies}'.rstrip()
        )


def scored_frames(sample: dict, pred: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """The frames that count: those of the clip, not padding, that have a mask.

    Args:
        sample (dict): One clip with :data:`LABEL_FIELDS`.
        pred (Tensor): (T, H, W) prediction.
        name (str): Of the prediction, for the error.

    Returns:
        tuple[Tensor, Tensor]: (n, H, W) prediction and label, on the device of the prediction.

    Raises:
        ValueError: If prediction and label differ in size.
    """
    labels = sample['gt_sem_seg']['data']
    if pred.shape != labels.shape:
        raise ValueError(
            f'Clip "{clip_name(sample)}": {name} has the shape {tuple(pred.shape)} and '
            f'gt_sem_seg {tuple(labels.shape)}; predict has to resize to the size of the label.'
        )
    counts = (sample['frame_valid'] & sample['frame_annotated']).to(pred.device)
    return pred[counts], labels.to(pred.device)[counts]


def foreground(sample: dict, threshold: float | None) -> Tensor:
    """Which pixels are predicted as sounding.

    Args:
        sample (dict): One clip with ``pred_scores`` (binary tasks) or ``pred_sem_seg``.
        threshold (float, optional): A pixel is foreground where its score is above this. None takes
            ``pred_sem_seg`` in any case.

    Returns:
        Tensor: (T, H, W) bool; of a semantic prediction all classes but 0.
    """
    if threshold is not None and 'pred_scores' in sample:
        return sample['pred_scores']['data'] > threshold
    return sample['pred_sem_seg']['data'] > 0


def clip_name(sample: dict) -> Any:
    """The clip_id, for errors."""
    return sample.get('clip_id', 'unknown')


def class_names(dataset_meta: dict | None, num_classes: int | None, metric: str) -> list[str]:
    """Names of the classes, from the data set or as numbers.

    Args:
        dataset_meta (dict, optional): Metainfo of the data set.
        num_classes (int, optional): What the metric was told, which decides.
        metric (str): For the errors.

    Returns:
        list[str]: C names.

    Raises:
        ValueError: If neither says it, or they differ.
    """
    names = [str(name) for name in (dataset_meta or {}).get('classes', ())]
    if num_classes is None:
        if not names:
            raise ValueError(
                f'{metric} does not know the classes: the data set has no "classes" in its '
                'metainfo. Set num_classes of the metric.'
            )
        return names
    if names and len(names) != num_classes:
        raise ValueError(
            f'num_classes of {metric} is {num_classes}, but the data set has {len(names)} classes. '
            'Leave num_classes out.'
        )
    return names or [str(index) for index in range(num_classes)]


def groups(results: Sequence[dict], keys: Sequence[str]) -> dict[str, list[dict]]:
    """Put clips that share a value of their metainfo together.

    Args:
        results (Sequence[dict]): With ``groups``, the values of the keys.
        keys (Sequence[str]): Names in the metainfo; one that is the same for all clips gives no
            group.

    Returns:
        dict[str, list[dict]]: Value -> clips, in order of appearance.
    """
    found: dict[str, list[dict]] = {}
    for key in keys:
        values = [result['groups'].get(key) for result in results]
        if len(set(values)) < 2:
            continue
        for value in dict.fromkeys(value for value in values if value is not None):
            name = str(value) if str(value) not in found else f'{key}_{value}'
            found[name] = [r for r, v in zip(results, values, strict=True) if v == value]
    return found

# Copyright (c) mmavs developers. All rights reserved.
"""Fill a model with the weights of a checkpoint, all of them or none."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.model import is_model_wrapper
from torch import Tensor, nn

SHOWN_KEYS = 3
"""int: Keys of each kind that an error about a checkpoint lists."""


class CheckpointMismatchError(ValueError):
    """A checkpoint of another architecture than the config's."""


def load_weights(model: nn.Module, checkpoint: Any, path: str, config_name: str) -> None:
    """Load a checkpoint strictly.

    Args:
        model (nn.Module): Filled in place; it may be wrapped for distributed runs.
        checkpoint (Any): A dict with ``state_dict``, or the state dict itself.
        path (str): Of the checkpoint, for the error.
        config_name (str): For the error.

    Raises:
        CheckpointMismatchError: If keys are missing, unexpected or of another shape.
        ValueError: If the checkpoint holds no weights.
    """
    if is_model_wrapper(model):
        model = model.module
    given = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, Mapping) else None
    if not isinstance(given, Mapping):
        raise ValueError(f'{path} holds no state dict of weights.')
    if 'state_dict' not in checkpoint and not all(isinstance(v, Tensor) for v in given.values()):
        raise ValueError(f'{path} holds no state_dict, but {", ".join(map(str, list(given)[:5]))}.')
    given = {key.removeprefix('module.'): value for key, value in given.items()}
    try:
        model.load_state_dict(given, strict=True)
    except RuntimeError as error:
        wanted = model.state_dict()
        raise CheckpointMismatchError(
            f'{path} does not fit the model of {config_name}: {mismatch(given, wanted)}. '
            + _remedy([key for key in wanted if key not in given])
        ) from error


def mismatch(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """How the tensors of a file differ from those of a model, by name and shape.

    Counters of batch norms may be missing, as in files of detectron2: torch loads without them.

    Args:
        given (Mapping[str, Tensor]): Of the file.
        wanted (Mapping[str, Tensor]): Of the model.

    Returns:
        str: Empty if they fit.
    """
    missing = [
        key for key in wanted if key not in given and not key.endswith('.num_batches_tracked')
    ]
    unexpected = [key for key in given if key not in wanted]
    shapes = [
        f'{key} {tuple(given[key].shape)} in the file, {tuple(wanted[key].shape)} in the model'
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    if not (missing or unexpected or shapes):
        return ''
    kinds = ((missing, 'missing'), (unexpected, 'unexpected'), (shapes, 'of another shape'))
    return '; '.join(_count(keys, what) for keys, what in kinds)


def _remedy(missing: Sequence[str]) -> str:
    if missing and all(key.startswith('audio_encoder.') for key in missing):
        return (
            'It holds no audio encoder. If it was converted with --without-vggish, convert it '
            'again with --vggish FILE.'
        )
    return (
        'Give the config that the checkpoint was trained with; official checkpoints are '
        'converted by tools/model_converters/official2mmavs.py first.'
    )


def _count(keys: Sequence[str], what: str) -> str:
    shown = f' ({", ".join(keys[:SHOWN_KEYS])}{", ..." if len(keys) > SHOWN_KEYS else ""})'
    return f'{len(keys)} {what}{shown if keys else ""}'

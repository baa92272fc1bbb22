# Copyright (c) mmavs developers. All rights reserved.
"""Build a model for inference, and segment one clip that is in memory or on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmavs.datasets.transforms.audio import fit_clip
from mmavs.registry import DATASETS, MODELS, TRANSFORMS
from mmavs.structures import AVSDataSample
from mmavs.utils.checkpoint import load_checkpoint_file
from mmavs.utils.maskige_names import maskige_file
from mmavs.utils.weights import load_weights

from .hearing import prepare_audio


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str = 'cpu',
    cfg_options: dict | None = None,
) -> nn.Module:
    """Build the segmentor of a config for inference.

    Nothing is downloaded: the config's pretrained backbones are not loaded, with or without a
    checkpoint, which holds all weights.

    Args:
        config (str | Path | Config): Config file or object; the object is not changed.
        checkpoint (str | Path, optional): Weights. Defaults to None: random weights.
        device (str): Defaults to ``'cpu'``.
        cfg_options (dict, optional): Settings that override the config's.

    Returns:
        nn.Module: In eval mode, with ``cfg`` and ``dataset_meta``.

    Raises:
        TypeError: If ``config`` is of another type.
        FileNotFoundError: If a file does not exist.
        CheckpointMismatchError: If the checkpoint does not fit the model, key by key.
    """
    if isinstance(config, (str, Path)):
        config = Config.fromfile(config)
    elif isinstance(config, Config):
        config = config.copy()
    else:
        raise TypeError(f'config must be a path or a Config, got {type(config).__name__}.')
    if cfg_options is not None:
        config.merge_from_dict(cfg_options)
    init_default_scope(config.get('default_scope', 'mmavs'))
    model = MODELS.build(without_pretrained(config.model))
    meta = {}
    if checkpoint is not None:
        loaded = load_checkpoint_file(checkpoint, map_location='cpu')
        load_weights(model, loaded, str(checkpoint), config.filename or 'the given Config')
        meta = loaded.get('meta') or {}
    model.dataset_meta = meta.get('dataset_meta') or config_dataset_meta(config)
    model.cfg = config
    return model.to(device).eval()


def inference_model(
    model: nn.Module,
    frames: np.ndarray | Sequence[np.ndarray] | Sequence[str | Path],
    audio: str | Path | np.ndarray | Tensor,
    sample_rate: int | None = None,
    maskiges: np.ndarray | Sequence[np.ndarray] | Sequence[str | Path] | None = None,
) -> AVSDataSample:
    """Segment one clip, by the test pipeline of the model's config.

    Args:
        model (nn.Module): From :func:`init_model`.
        frames (ndarray | Sequence): T frames: (T, H, W, 3) uint8 RGB, a list of such (H, W, 3)
            arrays, or a list of image paths.
        audio (str | Path | ndarray | Tensor): Sound of the whole clip, frame t hearing second t as
            in the benchmarks: an audio file, a waveform (C, S) or (S,) float in [-1, 1], or log-mel
            examples (T, C, 96, 64). A waveform too short for the frames is treated as
            ``on_short`` of ``LoadClipAudio`` in the config's test pipeline says.
        sample_rate (int, optional): Of a waveform, in Hz. Defaults to that of the model's encoder.
        maskiges (ndarray | Sequence, optional): Maskiges of the frames, of their kind, for a model
            with a Maskige branch. Defaults to None: for image paths, the files beside them
            (``a_1_mask_color.png`` beside ``a_1.png``).

    Returns:
        AVSDataSample: ``pred_sem_seg`` and, for binary tasks, ``pred_scores``, at the size of the
        frames given.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If frames, Maskiges or sound have the wrong shape or type, the sound is too
            short, or there are Maskiges and no branch or the other way round.
    """
    maskiges = _maskiges_for(model, frames, maskiges)
    results = clip_results(frames, prepare_audio(model, audio, sample_rate), maskiges)
    if isinstance(audio, (str, Path)):
        results['audio_path'] = str(audio)
    if results['audio'].ndim == 2:
        rate = results['sample_rate'] = model.audio_encoder.frontend.sample_rate
        loaders = [
            step for step in pipeline_of_test(model.cfg) if transform_name(step) == 'LoadClipAudio'
        ]
        if loaders:
            results['audio'] = fit_clip(
                results['audio'],
                results['num_clip_frames'],
                rate,
                loaders[0].get('on_short', 'error'),
                results['audio_path'] or 'The sound',
                loaders[0].get('hears', 'vggish'),
            )
    kept = []
    if 'imgs' not in results:
        kept += ['LoadClipFrames'] + ['LoadClipMaskiges'] * needs_maskige(model)
    packed = inference_pipeline(model.cfg, kept)(results)
    with torch.no_grad():
        return model.test_step(pseudo_collate([packed]))[0]


def needs_maskige(model: nn.Module) -> bool:
    """Whether a segmentor reads the Maskige of each frame."""
    return getattr(model, 'needs_maskige', False)


def _maskiges_for(
    model: nn.Module, frames: Sequence[Any], maskiges: Sequence[Any] | None
) -> Sequence[Any] | None:
    """The Maskiges that a model reads with these frames."""
    if not needs_maskige(model):
        if maskiges is not None:
            raise ValueError('maskiges were given, but the model has no Maskige branch.')
        return None
    if maskiges is None and len(frames) and isinstance(frames[0], (str, Path)):
        return [maskige_file(frame) for frame in frames]
    if maskiges is None:
        raise ValueError(
            'The model has a Maskige branch (model.maskige_backbone), so it needs maskiges, one a '
            'frame; none were given. docs/en/datasets/maskige.md says how to make them.'
        )
    return maskiges


def clip_results(
    frames: np.ndarray | Sequence[np.ndarray] | Sequence[str | Path],
    audio: np.ndarray,
    maskiges: np.ndarray | Sequence[np.ndarray] | Sequence[str | Path] | None = None,
) -> dict[str, Any]:
    """What the transforms behind the loading ones expect of a clip.

    Args:
        frames (ndarray | Sequence): As in :func:`inference_model`.
        audio (ndarray): (C, S) waveform or (T, C, 96, 64) log-mel.
        maskiges (ndarray | Sequence, optional): Likewise. Defaults to None: there are none.

    Raises:
        ValueError: If the pictures are no RGB images of one size.
    """
    count = len(frames)
    if not count:
        raise ValueError('A clip needs at least one frame, got none.')
    if audio.ndim == 4 and len(audio) != count:
        raise ValueError(f'{count} frames need as many log-mel examples, got {len(audio)}.')
    if maskiges is not None and len(maskiges) != count:
        raise ValueError(f'{count} frames need as many Maskiges, got {len(maskiges)}.')
    results: dict[str, Any] = dict(
        clip_id='clip',
        img_paths=[],
        mask_paths=[None] * count,
        audio=audio,
        audio_path=None,
        frame_indices=list(range(count)),
        num_clip_frames=count,
    )
    if isinstance(frames[0], (str, Path)):
        results['img_paths'] = [str(frame) for frame in frames]
        if maskiges is not None:
            results['maskige_paths'] = [str(maskige) for maskige in maskiges]
        return results
    images = [np.asarray(frame) for frame in frames]
    if maskiges is not None:
        results['maskiges'] = [np.asarray(maskige) for maskige in maskiges]
    for image in images + results.get('maskiges', []):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                'Frames and Maskiges are (H, W, 3) uint8 RGB, got '
                f'{image.dtype} of shape {image.shape}.'
            )
        if image.shape != images[0].shape:
            raise ValueError(
                'Frames and Maskiges of a clip have one size, got '
                f'{images[0].shape} and {image.shape}.'
            )
    results.update(imgs=images, ori_shape=images[0].shape[:2], img_shape=images[0].shape[:2])
    return results


def inference_pipeline(config: Config, loaders: Sequence[str] = ()) -> Compose:
    """The config's test pipeline without what loads things that are given.

    Args:
        config (Config): With ``test_dataloader``.
        loaders (Sequence[str]): Transforms that load and are kept. Defaults to none of them.

    Raises:
        ValueError: If the config has no test pipeline.
    """
    kept = []
    for transform in pipeline_of_test(config):
        name = transform_name(transform)
        if not name.startswith('Load') or name in loaders:
            # by our registry, whatever scope another Runner of the process has left
            kept.append(TRANSFORMS.build(transform) if isinstance(transform, dict) else transform)
    return Compose(kept)


def pipeline_of_test(config: Config) -> list[dict]:
    """Configs of the transforms of the config's test pipeline.

    Raises:
        ValueError: If the config has no test pipeline.
    """
    dataset = (config.get('test_dataloader') or {}).get('dataset', {})
    while 'pipeline' not in dataset and 'dataset' in dataset:  # RepeatDataset and the like
        dataset = dataset['dataset']
    if 'pipeline' not in dataset:
        raise ValueError(
            f'{config.filename or "The config"} has no test_dataloader.dataset.pipeline, so it '
            'does not say how a clip is prepared.'
        )
    return list(dataset['pipeline'])


def transform_name(transform: dict) -> str:
    """Name of the class in a transform's config, without scope or module."""
    kind = transform['type']
    return (kind if isinstance(kind, str) else kind.__name__).split('.')[-1]


def config_dataset_meta(config: Config) -> dict:
    """Classes and palette of the config's test data set."""
    dataset = (config.get('test_dataloader') or {}).get('dataset', {})
    kind = dataset.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    return {**getattr(kind, 'METAINFO', {}), **(dataset.get('metainfo') or {})}


def without_pretrained(config: Any) -> Any:
    """A copy of a model config in which no part loads weights of its own."""
    if isinstance(config, dict):
        copy = type(config)()
        for key, value in config.items():
            if key == 'pretrained':
                value = False if isinstance(value, bool) else None
            copy[key] = without_pretrained(value)
        if isinstance(copy.get('init_cfg'), dict) and copy['init_cfg'].get('type') == 'Pretrained':
            copy['init_cfg'] = None
        return copy
    if isinstance(config, (list, tuple)):
        return type(config)(without_pretrained(item) for item in config)
    return config

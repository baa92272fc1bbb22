# Copyright (c) mmavs developers. All rights reserved.
"""From a config to the clips of its data sets, and to what the config wants of them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.config import Config

from mmavs.registry import DATASETS

from ..base_avs_dataset import BaseAVSDataset
from ..transforms import LoadClipAudio, LoadClipLogMel, LoadClipMaskiges, LoadClipMasks
from ..transforms.mixed_audio import LoadMixedAudio
from .content import ClipTask, Needs
from .findings import Finding, describe

describe('data_list', 'error', 'a csv, class file or folder without which no clip is known')

OWN_CLIPS = dict(frames='all', audio_condition='original', condition_cfg=None, serialize_data=False)
"""dict: Arguments with which a data set names every file of a clip, and its own sound; its list is
not kept, so it need not be packed."""
CHOICES = ('partition', 'subsets')
"""tuple[str]: Arguments that choose among the clips of a csv."""


@dataclass
class Source:
    """A data set of a config.

    Args:
        loaders (list[str]): Which of ``train``, ``val`` and ``test`` load it.
        dataset (BaseAVSDataset): Built, perhaps without its list.
        needs (Needs): What is wanted of its clips.
        tasks (list[ClipTask]): Its clips; none if the list cannot be loaded.
        listed (list[ClipTask]): All clips of the csv, of all splits.
        is_complete (bool): Whether ``listed`` holds all clips of the csv.
    """

    loaders: list[str]
    dataset: BaseAVSDataset
    needs: Needs = field(default_factory=Needs)
    tasks: list[ClipTask] = field(default_factory=list)
    listed: list[ClipTask] = field(default_factory=list)
    is_complete: bool = False

    @property
    def ann_file(self) -> str:
        """The csv."""
        return str(self.dataset.ann_file)


def find_sources(cfg: Config, loaders: Sequence[str]) -> tuple[list[Source], list[Finding]]:
    """Build the data sets of a config, inside wrappers too, each once.

    Args:
        cfg (Config): With ``<loader>_dataloader``.
        loaders (Sequence[str]): Of ``train``, ``val`` and ``test``.

    Returns:
        tuple: The data sets, and why lists could not be loaded.

    Raises:
        ValueError: If the config has none of the loaders.
        KeyError: If a class is unknown.
        TypeError: If a class does not take its arguments, or is no data set of mmavs.
    """
    present = [name for name in loaders if cfg.get(f'{name}_dataloader')]
    if not present:
        raise ValueError(f'{cfg.filename} has no data loader of {", ".join(loaders)}.')
    found: list[tuple[dict[str, Any], Source]] = []
    for name in present:
        for leaf in leaves(cfg[f'{name}_dataloader']['dataset']):
            built = _build(leaf)
            leaf = {key: leaf[key] for key in leaf.keys() - {'pipeline', 'test_mode'}}
            twin = next((source for other, source in found if other == leaf), None)
            if twin is None:
                found.append((leaf, Source([name], built)))
            else:
                twin.loaders.append(name)
    findings = [finding for leaf, source in found for finding in _load(source, leaf)]
    sources = [source for _, source in found]
    _drop_repeated(sources)
    return sources, findings


def leaves(cfg: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The configs of the data sets inside wrappers (ConcatDataset, RepeatDataset and so on)."""
    inner = cfg.get('datasets') or ([cfg['dataset']] if cfg.get('dataset') else [])
    if not inner:
        yield dict(cfg)
    for entry in inner:
        yield from leaves(entry)


def _build(leaf: dict[str, Any], **changes: Any) -> BaseAVSDataset:
    """The data set of a config, with all its clips and their own sounds, not loaded yet."""
    kind = leaf['type'] if inspect.isclass(leaf['type']) else DATASETS.get(leaf['type'])
    if kind is None:
        raise KeyError(f'There is no data set class {leaf["type"]!r}; is its module imported?')
    if not issubclass(kind, BaseAVSDataset):
        raise TypeError(
            f'{kind.__name__} is no BaseAVSDataset, so the doctor does not know its files.'
        )
    arguments = {**leaf, **OWN_CLIPS, **changes, 'type': kind, 'lazy_init': True}
    arguments.pop('indices', None)
    return DATASETS.build(arguments)


def _load(source: Source, leaf: dict[str, Any]) -> Iterator[Finding]:
    """Fill in the clips of a source; what hinders is a finding."""
    dataset = source.dataset
    try:
        dataset.full_init()
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    except (OSError, ValueError) as error:
        text = ' '.join(str(error).split())
        remedy = 'Until it is mended, the clips of this data set are not checked.'
        yield Finding('data_list', source.ann_file, text, 'a list of clips', remedy)
        return
    source.needs = needs_of(dataset, infos[0])
    source.tasks = [task_of(info) for info in infos]
    source.listed, source.is_complete = _all_clips(leaf, source)


def _all_clips(leaf: dict[str, Any], source: Source) -> tuple[list[ClipTask], bool]:
    """The clips of all splits (and subsets) of the csv, as far as they can be listed."""
    splits = source.dataset.SPLITS
    chosen = {key: value for key, value in leaf.items() if key not in CHOICES}
    for cfg, wanted in ((chosen, [splits]), (leaf, [splits]), (leaf, [(s,) for s in splits])):
        found, failed = [], False
        for split in wanted:
            try:
                dataset = _build(cfg, split=split, pipeline=[])
                dataset.full_init()
                found += [task_of(dataset.get_data_info(i)) for i in range(len(dataset))]
            except (OSError, ValueError):  # a split that is not unpacked, or has no clips
                failed = True
        if found and (not failed or len(wanted) > 1):
            return found, cfg is chosen
    return source.tasks, False


def _drop_repeated(sources: Sequence[Source]) -> None:
    """A clip is examined for one source only; a recording for the first clip that names it."""
    clips: set[tuple] = set()
    sounds: set[str] = set()
    for source in sources:
        own, kept = set(), []
        for task in source.tasks:
            key = (source.ann_file, task.clip_id, task.split, task.frames, task.masks)
            if key in clips:
                continue
            own.add(key)
            new = tuple(path for path in dict.fromkeys(task.sounds) if path not in sounds)
            if source.needs.audio == 'mixed':
                sounds.update(new)
                task = ClipTask(**{**vars(task), 'sounds': new})
            kept.append(task)
        clips |= own
        source.tasks = kept


def task_of(info: Mapping[str, Any]) -> ClipTask:
    """The files of an item of a data set."""
    sounds = info['audio_paths'] if 'audio_paths' in info else [info['audio_path']]
    return ClipTask(
        clip_id=info['clip_id'],
        split=info['split'],
        frames=tuple(info['img_paths']),
        masks=tuple(info['mask_paths']),
        maskiges=tuple(info.get('maskige_paths') or ()),
        sounds=tuple(path for path in sounds if path),
        logmel=info.get('logmel_path'),
        num_frames=info['num_clip_frames'],
    )


def needs_of(dataset: BaseAVSDataset, info: Mapping[str, Any]) -> Needs:
    """What the pipeline of a data set wants, and which masks its items have."""
    needs: dict[str, Any] = {}
    steps = list(_steps(dataset.pipeline.transforms))
    for step in steps:
        if isinstance(step, LoadClipAudio):
            needs.update(audio='wave', mono=step.mono, hears=step.hears)
        elif isinstance(step, LoadMixedAudio):
            needs.update(audio='mixed', seconds=step.seconds)
        elif isinstance(step, LoadClipLogMel):
            needs.update(audio='logmel')
        elif isinstance(step, LoadClipMasks):
            needs.update(same_size=step.same_size)
        elif isinstance(step, LoadClipMaskiges):
            needs.update(maskiges=True)
        if isinstance(step, (LoadClipAudio, LoadMixedAudio)):
            needs.update(sample_rate=step.sample_rate, on_short=step.on_short)
    needs.setdefault('audio', 'mixed' if 'audio_paths' in info else 'wave')
    needs['masks'] = not steps or any(isinstance(step, LoadClipMasks) for step in steps)
    for key in ('num_classes', 'label_source', 'num_colours'):
        if info.get(key) is not None:
            needs[key] = info[key]
    if info.get('label_map') is not None:
        needs['label_map'] = tuple(int(label) for label in info['label_map'])
    return Needs(**needs)


def _steps(transforms: Sequence[Any]) -> Iterator[BaseTransform]:
    """All transforms, those inside others too."""
    for step in transforms:
        yield step
        inner = getattr(step, 'transforms', ())
        yield from _steps(inner if isinstance(inner, (list, tuple)) else [inner])

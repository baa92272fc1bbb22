# Copyright (c) mmavs developers. All rights reserved.
"""AVSBench-semantic (AVSS)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmavs.registry import DATASETS
from mmavs.structures import IGNORE_INDEX
from mmavs.utils.progress import progress_bar

from .avss_classes import AVSS_CLASSES, check_metainfo, read_class_names, voc_palette
from .avss_partition import (
    LABEL_RULES,
    NAME_RULES,
    PARTITION_RULES,
    PARTITIONS,
    label_rules,
    load_partition,
    name_rules,
    object_names,
    onscreen_names,
)
from .base_avs_dataset import BINARY_METAINFO, BaseAVSDataset, check_choice
from .transforms.loading import read_labels


@DATASETS.register_module()
class AVSBenchSemanticDataset(BaseAVSDataset):
    """AVSS in the official layout (Zhou et al., Audio-Visual Segmentation with Semantics, IJCV).

    .. code-block:: none

        metadata.csv                              uid,split,label; a_obj for partition='ss' or 'ms'
        label2idx.json                            71 names, the position is the id
        <label>/<uid>/frames/<i>.jpg              i = 0..4 (v1s, v1m), 0..9 (v2)
        <label>/<uid>/labels_semantic/<i>.png     ids; v1s of train: only 0.png
        <label>/<uid>/labels_rgb/<i>.png          the same in colours of PASCAL VOC
        <label>/<uid>/audio.wav
        <label>/<uid>/audio.npy                   optional, log-mel

    ``label`` is the subset: v1s (formerly S4), v1m (formerly MS3) or v2. The root is called
    ``AVSS``, ``avs_released`` or ``AVSBench_semantic``. Items have 5 or 10 frames. All 5 frames of
    a v1s clip of val and test have masks and are annotated here, as the official metrics count
    them.

    Args:
        ann_file (str): Defaults to ``'metadata.csv'``.
        subsets (Sequence[str] | str): Which subsets. Defaults to all three.
        label_source (str): ``'semantic'`` reads ids, ``'rgb'`` decodes colours as the official code
            does. Defaults to ``'semantic'``.
        binary (bool): Makes every class but background 1, and the classes those of the object sets.
            Defaults to False.
        partition (str, optional): ``'ss'`` or ``'ms'`` keeps the clips of one or of several
            sounding sources, ``'all'`` keeps both and says for each which it is; None does not
            ask. Defaults to None.
        partition_rule (str): What makes a clip one of several sources, one of
            :data:`PARTITION_RULES`; those on labels read all masks of the split from
            ``label_folder``, so rather store their list. Defaults to ``'objects'``.
        partition_file (str, optional): A stored list instead of a rule, JSON, relative to
            ``data_root``. Defaults to None.
        num_classes (int): With background; as many as ``class_file`` has. Defaults to 71.
        class_file (str): Relative to ``data_root``. Defaults to ``'label2idx.json'``.
        frame_folder (str): Folder of a clip's frames. Defaults to ``'frames'``.
        label_folder (str, optional): Folder of a clip's labels. Defaults to None:
            ``'labels_semantic'`` or ``'labels_rgb'``.
        data_prefix (dict, optional): Where the subsets lie, relative to ``data_root``. With
            ``maskige_path`` the items name their Maskiges,
            ``<maskige_path>/<label>/<uid>/<frame_folder>/<i>_mask_color.png``.
        metainfo (Mapping, optional): Goes before the ``classes`` of ``class_file`` and their
            ``palette``, e.g. to show other names or colours. Classes keep their positions: the ids
            of the labels stay. Defaults to None.
        **kwargs (Any): See :class:`BaseAVSDataset`.

    Raises:
        ValueError: If an argument is unknown or the files do not fit it, or ``metainfo``
            contradicts the classes.
        FileNotFoundError: If a file or folder of the layout is missing.
    """

    METAINFO = dict(classes=AVSS_CLASSES, palette=voc_palette(len(AVSS_CLASSES)))
    COLUMNS = ('uid', 'split', 'label')
    SUBSETS = {'v1s': 5, 'v1m': 5, 'v2': 10}
    """dict[str, int]: Frames of a clip."""
    LABEL_FOLDERS = {'semantic': 'labels_semantic', 'rgb': 'labels_rgb'}
    PREFIX = dict(img_path='', mask_path='', audio_path='', logmel_path='')
    PUBLISHED_COUNTS = {'train': 8498, 'val': 1304, 'test': 1554}
    """dict[str, int]: Clips of each split, in the paper."""

    def __init__(
        self,
        ann_file: str = 'metadata.csv',
        subsets: Sequence[str] | str = ('v1s', 'v1m', 'v2'),
        label_source: str = 'semantic',
        binary: bool = False,
        partition: str | None = None,
        partition_rule: str = 'objects',
        partition_file: str | None = None,
        num_classes: int = len(AVSS_CLASSES),
        class_file: str = 'label2idx.json',
        frame_folder: str = 'frames',
        label_folder: str | None = None,
        data_prefix: dict | None = None,
        metainfo: Mapping | None = None,
        **kwargs: Any,
    ) -> None:
        self.subsets = (subsets,) if isinstance(subsets, str) else tuple(subsets)
        for subset in self.subsets:
            check_choice('subsets', subset, tuple(self.SUBSETS))
        if partition is not None:
            check_choice('partition', partition, (*PARTITIONS, 'all'))
        self.partition = partition
        self.partition_rule = check_choice('partition_rule', partition_rule, PARTITION_RULES)
        self.partition_file = partition_file
        self.label_source = check_choice('label_source', label_source, tuple(self.LABEL_FOLDERS))
        self.label_folder = label_folder or self.LABEL_FOLDERS[label_source]
        self.frame_folder = frame_folder
        self.binary = binary
        self.num_classes = num_classes
        self.class_file = class_file
        self.class_names: tuple[str, ...] = ()
        self._given_metainfo = tuple(metainfo or ())
        data_prefix = {**self.PREFIX, **(data_prefix or {})}
        super().__init__(ann_file=ann_file, data_prefix=data_prefix, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the classes and the csv; see :meth:`BaseAVSDataset.load_data_list`."""
        self._check_layout()
        self.class_names = read_class_names(Path(self.data_root, self.class_file), self.num_classes)
        own = dict(classes=self.class_names, palette=voc_palette(self.num_classes))
        if self.binary:
            own = BINARY_METAINFO
        # What the user gives wins, as in mmengine, unless it says other classes of the same ids.
        self._metainfo.update({key: own[key] for key in own if key not in self._given_metainfo})
        check_metainfo(self._metainfo, own['classes'])
        return super().load_data_list()

    def read_rows(self) -> list[dict[str, str]]:
        """The rows of the csv, of all splits and subsets.

        Raises:
            ValueError: If a subset is unknown, or there is no ``a_obj`` where the partition needs
                it.
        """
        rows = super().read_rows()
        for row in rows:
            if row['label'] not in self.SUBSETS:
                raise ValueError(
                    f'{self.ann_file}: clip {row["uid"]} has the label "{row["label"]}", expected '
                    f'one of {tuple(self.SUBSETS)}.'
                )
        needs_names = self.partition_rule in NAME_RULES and self.partition_file is None
        if self.partition and needs_names and rows and 'a_obj' not in rows[0]:
            raise ValueError(
                f'{self.ann_file} has no column "a_obj", which partition_rule='
                f"'{self.partition_rule}' needs. Choose one of {LABEL_RULES}, or set "
                'partition_file.'
            )
        return rows

    def parse_rows(self, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        """Items of the chosen subsets and of the chosen partition.

        Raises:
            FileNotFoundError: If a subset has no folder.
            ValueError: If the stored partition lacks a clip.
        """
        rows = [row for row in rows if row['label'] in self.subsets]
        for subset in {row['label']: None for row in rows}:
            folder = Path(self.data_prefix['img_path'], subset)
            if not folder.is_dir():
                raise FileNotFoundError(
                    f'There is no folder "{folder}", but {self.ann_file} lists clips of {subset}. '
                    'Unpack it, or leave it out of subsets.'
                )
        items = super().parse_rows(rows)
        if self.partition is None:
            return items
        self._add_partition(items)
        return [item for item in items if self.partition in (item['partition'], 'all')]

    def parse_data_info(self, raw_data_info: dict[str, str]) -> dict[str, Any]:
        """Paths of one row; see :meth:`BaseAVSDataset.parse_data_info`."""
        uid, subset, split = (raw_data_info[key] for key in ('uid', 'label', 'split'))
        numbers = range(self.SUBSETS[subset])
        num_masks = 1 if (subset, split) == ('v1s', 'train') else len(numbers)
        clip, prefix = Path(subset, uid), self.data_prefix
        frames = [Path(clip, self.frame_folder, f'{number}.jpg') for number in numbers]
        info = dict(
            clip_id=clip.as_posix(),
            split=split,
            subset=subset,
            img_paths=[str(Path(prefix['img_path'], frame)) for frame in frames],
            mask_paths=[
                str(Path(prefix['mask_path'], clip, self.label_folder, f'{number}.png'))
                if number < num_masks
                else None
                for number in numbers
            ],
            audio_path=str(Path(prefix['audio_path'], clip, 'audio.wav')),
            logmel_path=str(Path(prefix['logmel_path'], clip, 'audio.npy')),
            **self.maskige_paths(frames),
        )
        if raw_data_info.get('a_obj'):
            info['heard_objects'] = object_names(raw_data_info['a_obj'])
            info['seen_objects'] = onscreen_names(info['heard_objects'], self.class_names)
        return info

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """An item, with what is the same for all: how :class:`LoadClipMasks` reads the masks."""
        return {**super().get_data_info(idx), **self._label_info()}

    def _label_info(self) -> dict[str, Any]:
        info = dict(label_source=self.label_source, num_colours=self.num_classes)
        if not self.binary:
            return dict(info, num_classes=self.num_classes)
        label_map = np.full(256, -1, np.int16)
        label_map[: self.num_classes] = np.arange(self.num_classes) > 0
        label_map[IGNORE_INDEX] = IGNORE_INDEX
        return dict(info, label_map=label_map)

    def read_clip_labels(self, info: dict[str, Any]) -> Iterator[np.ndarray]:
        """The class ids of the annotated frames of a clip, at the size of the files.

        Args:
            info (dict): An item.

        Yields:
            np.ndarray: (H, W) uint8, with all classes even where the data set is binary.
        """
        as_stored = dict(label_source=self.label_source, num_classes=self.num_classes)
        for path in info['mask_paths']:
            if path is not None:
                yield read_labels(path, as_stored)

    def _add_partition(self, items: list[dict[str, Any]]) -> None:
        if self.partition_file is not None:
            path = Path(self.data_root, self.partition_file)
            stored = load_partition(path)
            missing = [item['clip_id'] for item in items if item['clip_id'] not in stored]
            if missing:
                raise ValueError(
                    f'{path} lacks {len(missing)} of the {len(items)} clips, e.g. {missing[0]}. '
                    'Write it for this split with tools/dataset_converters/avss_partition.py.'
                )
            for item in items:
                item['partition'] = stored[item['clip_id']]
            return
        reads_labels = self.partition_rule in LABEL_RULES
        with progress_bar(reads_labels) as bar:
            for item in bar.track(items, description='partition'):
                if reads_labels:
                    found = label_rules(self.read_clip_labels(item))
                else:
                    found = name_rules(self._named_objects(item), self.class_names)
                item['partition'] = PARTITIONS[found[self.partition_rule]]

    def _named_objects(self, item: dict[str, Any]) -> list[str]:
        if not item.get('heard_objects'):
            raise ValueError(
                f'{self.ann_file} has no a_obj for clip {item["clip_id"]}, by which '
                f'partition_rule={self.partition_rule!r} tells single from multiple sources. '
                f'Choose a rule that reads the labels ({", ".join(LABEL_RULES)}).'
            )
        return item['heard_objects']

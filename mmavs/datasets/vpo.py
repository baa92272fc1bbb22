# Copyright (c) mmavs developers. All rights reserved.
"""VPO: pictures of COCO with sounds of VGGSound, put together at places in the picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmavs.registry import DATASETS
from mmavs.structures import IGNORE_INDEX

from .avss_classes import voc_palette
from .base_avs_dataset import BaseAVSDataset, read_csv_rows

COCO_IDS: dict[str, int] = {
    'airplane': 5,
    'baby': 94,
    'bird': 16,
    'bus': 6,
    'car': 3,
    'cat': 17,
    'cell phone': 77,
    'cow': 21,
    'dog': 18,
    'elephant': 22,
    'female': 93,
    'horse': 19,
    'keyboard': 76,
    'male': 92,
    'motorcycle': 4,
    'mouse': 74,
    'sheep': 20,
    'skateboard': 41,
    'sports ball': 37,
    'tennis racket': 43,
    'zebra': 24,
}
"""dict[str, int]: Classes 1 to 21 in their order -> value in the masks: COCO's category id, 92 to
94 are VPO's own."""

VPO_CLASSES = ('background', *COCO_IDS)
"""tuple[str]: Names by position."""


def label_table() -> np.ndarray:
    """Value in a mask -> class id; 255 stays, -1 marks values that are no class.

    (The official loader replaces the values one after another in the same array, where car turns
    into airplane by way of its new number.)

    Returns:
        np.ndarray: (256,) int16.
    """
    table = np.full(256, -1, np.int16)
    table[0], table[IGNORE_INDEX] = 0, IGNORE_INDEX
    table[list(COCO_IDS.values())] = np.arange(1, len(VPO_CLASSES))
    return table


LABEL_MAP = label_table()


@DATASETS.register_module()
class VPODataset(BaseAVSDataset):
    """VPO-SS, VPO-MS or VPO-MSMI in the official layout (Chen et al., CAVP, CVPR 2024).

    .. code-block:: none

        VPO/VPO-SS/vpo_ss_data_stereo.csv        one row = one sounding instance
        VPO/VPO-SS/data/<cateName>/<img>.jpg     <img>, <ann>: 12 digits, COCO's ids
        VPO/VPO-SS/mask/<cateName>/<img>_<ann>.png
        VPO/VPO-MS/vpo_ms_data_stereo.csv
        VPO/VPO-MS/{data/<img>.jpg, mask/<img>.png}
        VPO/VPO-MSMI/vpo_msmi_data_stereo.csv    rows with multi_instance 0 are files of VPO-MS
        VPO/VPO-MSMI/{data/<img>.jpg, mask/<img>.png}
        vggsound_bench/VGGSound/audios/<vgg_file>.wav

    A sample is a clip of one frame. In SS it is a row (``clip_id`` ``<img_Id>_<ann_Ids>``),
    else a picture with all of its rows (``<img_Id>``); a row of SS that repeats picture and
    instance gets a number at the end. The sounds are ``audio_paths``, their places
    ``audio_positions`` (0 left, 1 right), see :class:`LoadMixedAudio`; there is no
    ``audio_path``. The split that the csv calls ``val`` is ``'test'``; there is no third one.

    Args:
        setup (str): ``'ss'``, ``'ms'`` or ``'msmi'``. Defaults to ``'ss'``.
        split (str | Sequence[str]): ``'train'``, ``'test'`` or both. Defaults to ``'train'``.
        data_root (str): The folder that holds ``VPO`` and ``vggsound_bench``. Defaults to
            ``'data'``.
        ann_file (str): Defaults to the official csv of the setup.
        data_prefix (dict, optional): ``img_path`` and ``mask_path``, the folders that hold
            ``VPO-SS`` and so on, and ``audio_path``, relative to ``data_root``. Defaults to the
            official ones.
        **kwargs (Any): See :class:`BaseAVSDataset`.

    Raises:
        ValueError: If an argument is unknown, or the csv has an unknown class, a position that is
            not within [0, 1], or rows of one picture that disagree.
        FileNotFoundError: If the data root, the csv or a folder of the layout is missing.
    """

    SETUPS = {'ss': 'VPO-SS', 'ms': 'VPO-MS', 'msmi': 'VPO-MSMI'}
    SPLITS = ('train', 'test')
    AUDIO_KEYS = ('audio_paths', 'audio_positions')
    COLUMNS = ('cateName', 'img_Id', 'vgg_file', 'split', 'audio_pos')
    METAINFO = dict(classes=VPO_CLASSES, palette=voc_palette(len(VPO_CLASSES)))
    PREFIX = dict(img_path='VPO', mask_path='VPO', audio_path='vggsound_bench/VGGSound/audios')
    PUBLISHED_COUNTS = {
        'ss': dict(total=12202, train=11312, test=890),
        'ms': dict(total=9817, train=8380, test=1437),
        'msmi': dict(total=12855, train=11080, test=1775),
    }
    """dict: By setup. Only the totals are confirmed, see ``UNVERIFIED_COUNTS``."""
    UNVERIFIED_COUNTS = ('train', 'test')
    """tuple[str]: Keys of the published counts that nobody has checked against the data."""

    def __init__(
        self,
        setup: str = 'ss',
        split: str | Sequence[str] = 'train',
        data_root: str = 'data',
        ann_file: str = '',
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if setup not in self.SETUPS:
            raise ValueError(f'setup is {setup!r}, expected one of {tuple(self.SETUPS)}.')
        self.setup = setup
        super().__init__(
            ann_file=ann_file or f'VPO/{self.SETUPS[setup]}/vpo_{setup}_data_stereo.csv',
            data_root=data_root,
            split=split,
            data_prefix={**self.PREFIX, **(data_prefix or {})},
            **kwargs,
        )

    @property
    def benchmark(self) -> str:
        """See :attr:`BaseAVSDataset.benchmark`: pictures of MS are in MSMI too, heard otherwise."""
        return f'{type(self).__name__} {self.setup}'

    def required_folders(self) -> list[str]:
        """The pictures of the setup, and the sounds."""
        pictures = Path(self.data_prefix['img_path'], self.SETUPS[self.setup], 'data')
        return [str(pictures), str(self.data_prefix['audio_path'])]

    def read_rows(self) -> list[dict[str, str]]:
        """The rows of the csv, of all splits; ``val`` is called ``test``."""
        extra = {'ss': ('ann_Ids',), 'ms': (), 'msmi': ('multi_instance',)}[self.setup]
        rows = read_csv_rows(self.ann_file, (*self.COLUMNS, *extra), (*self.SPLITS, 'val'))
        return [{**row, 'split': row['split'].replace('val', 'test')} for row in rows]

    def parse_rows(self, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        """One item a row (SS) or a picture (MS, MSMI)."""
        items: dict[tuple, list[dict[str, str]]] = {}
        for number, row in enumerate(rows):
            key = (number,) if self.setup == 'ss' else (row['split'], row['img_Id'])
            items.setdefault(key, []).append(row)
        data_list = [self.parse_instances(instances) for instances in items.values()]
        if self.setup == 'msmi':
            self._check_ms(rows)
        times: dict[str, int] = {}
        for info in data_list:
            count = times[info['clip_id']] = times.get(info['clip_id'], 0) + 1
            if count > 1 and self.setup == 'ss':
                info['clip_id'] = f'{info["clip_id"]}_{count}'
        return data_list

    def parse_data_info(self, raw_data_info: dict[str, str]) -> dict[str, Any]:
        """The item of a single row; see :meth:`parse_instances`."""
        return self.parse_instances([raw_data_info])

    def parse_instances(self, rows: list[dict[str, str]]) -> dict[str, Any]:
        """Turn the rows of one picture into an item.

        Args:
            rows (list[dict[str, str]]): Column -> value, one a sounding instance.

        Returns:
            dict: What :meth:`BaseAVSDataset.parse_data_info` says, with ``audio_paths``,
            ``audio_positions``, ``subset``, ``num_classes``, ``heard_objects`` and
            ``seen_objects``; in SS also ``category`` and ``sounding_classes``.
        """
        row = rows[0]
        names = list(dict.fromkeys(row['cateName'] for row in rows))
        for name in names:
            if name not in COCO_IDS:
                raise ValueError(
                    f'{self.ann_file}: picture {row["img_Id"]} has the class "{name}", expected '
                    f'one of {tuple(COCO_IDS)}.'
                )
        image = self._number(row, 'img_Id')
        clip_id, image_file, mask_file = str(image), f'{image:012d}', f'{image:012d}'
        folder, info = self._folder(rows), {}
        if self.setup == 'ss':
            annotation = self._number(row, 'ann_Ids')
            clip_id = f'{image}_{annotation}'
            image_file = f'{names[0]}/{image:012d}'
            mask_file = f'{names[0]}/{image:012d}_{annotation:012d}'
            info = dict(category=names[0], sounding_classes=[0, VPO_CLASSES.index(names[0])])
        prefix = self.data_prefix
        return dict(
            clip_id=clip_id,
            split=row['split'],
            subset=self.setup,
            num_classes=len(VPO_CLASSES),
            heard_objects=names,
            seen_objects=list(names),
            img_paths=[str(Path(prefix['img_path'], folder, 'data', f'{image_file}.jpg'))],
            mask_paths=[str(Path(prefix['mask_path'], folder, 'mask', f'{mask_file}.png'))],
            audio_paths=[str(Path(prefix['audio_path'], f'{r["vgg_file"]}.wav')) for r in rows],
            audio_positions=[self._position(r) for r in rows],
            **info,
        )

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """An item, with the table of the labels (``label_map``), the same for all."""
        return {**super().get_data_info(idx), 'label_map': LABEL_MAP}

    def _folder(self, rows: list[dict[str, str]]) -> str:
        """VPO-SS, VPO-MS or VPO-MSMI: where the picture of these rows lies."""
        if self.setup != 'msmi':
            return self.SETUPS[self.setup]
        values = {row['multi_instance'] for row in rows}
        if len(values) > 1 or not values <= {'0', '1'}:
            raise ValueError(
                f'{self.ann_file}: the rows of picture {rows[0]["img_Id"]} have multi_instance '
                f'{sorted(values)}, expected 0 or 1, the same for all: it says whether the picture '
                'is one of VPO-MS or of VPO-MSMI.'
            )
        return self.SETUPS['msmi' if values == {'1'} else 'ms']

    def _check_ms(self, rows: list[dict[str, str]]) -> None:
        folder = Path(self.data_prefix['img_path'], self.SETUPS['ms'], 'data')
        if any(row['multi_instance'] == '0' for row in rows) and not folder.is_dir():
            raise FileNotFoundError(
                f'There is no folder "{folder}", but {self.ann_file} has rows with multi_instance '
                '0, whose pictures are those of VPO-MS: put VPO-MS beside VPO-MSMI.'
            )

    def _number(self, row: dict[str, str], column: str) -> int:
        """A COCO id."""
        if not row[column].isdecimal():
            raise ValueError(
                f'{self.ann_file}: {column} of picture {row["img_Id"]} is "{row[column]}", '
                'expected a whole number.'
            )
        return int(row[column])

    def _position(self, row: dict[str, str]) -> float:
        try:
            position = float(row['audio_pos'])
        except ValueError:
            position = float('nan')
        if not 0 <= position <= 1:
            raise ValueError(
                f'{self.ann_file}: audio_pos of picture {row["img_Id"]} is "{row["audio_pos"]}", '
                'expected a number from 0 (left) to 1 (right).'
            )
        return position

# Copyright (c) mmavs developers. All rights reserved.
"""AVSBench-object, single source (S4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from mmavs.registry import DATASETS

from .base_avs_dataset import BINARY_METAINFO, BaseAVSDataset, check_choice

# fmt: off
S4_AUDIO_CATEGORIES = (
    'helicopter', 'mynah_bird_singing', 'typing_on_computer_keyboard', 'playing_violin',
    'playing_glockenspiel', 'playing_piano', 'lions_roaring', 'baby_laughter', 'male_speech',
    'lawn_mowing', 'playing_ukulele', 'playing_tabla', 'driving_buses', 'cap_gun_shooting',
    'chainsawing_trees', 'playing_acoustic_guitar', 'cat_meowing', 'female_singing',
    'ambulance_siren', 'dog_barking', 'horse_clip-clop', 'coyote_howling', 'race_car',
)
"""tuple[str]: In the order of VCT's prototypes (sheet section 2, where ids count from 1)."""
# fmt: on


@DATASETS.register_module()
class AVSBenchS4Dataset(BaseAVSDataset):
    """S4 in the official layout (Zhou et al., Audio-Visual Segmentation, ECCV 2022).

    .. code-block:: none

        s4_meta_data.csv                                             name,start,category,split
        s4_data/visual_frames/<split>/<category>/<name>/<name>_<k>.png    k = 1..5
        s4_data/gt_masks/<split>/<category>/<name>/<name>_<k>.png         k = 1 (train), 1..5
        s4_data/audio_wav/<split>/<category>/<name>.wav
        s4_data/audio_log_mel/<split>/<category>/<name>.npy               optional

    The official script cuts frames out of a 10-second video from second ``start`` on, so where
    ``start`` is over 5 there may be fewer than 5 (14 clips of the released csv). For those clips
    alone the folder is looked at, and the last frame, with its mask, stands in for the missing
    ones; the log says for which.

    Args:
        ann_file (str): Defaults to ``'s4_meta_data.csv'``.
        categories (Sequence[str] | str, optional): All categories, in the order of the columns of
            ``gt_audio_labels``, which says the clip's; ``'official'`` for those of S4 in the order
            of VCT. Defaults to None: samples have no ``gt_audio_labels``.
        data_prefix (dict, optional): Folders of frames, masks and audio, relative to ``data_root``.
            Defaults to the official ones. With ``maskige_path`` the items name their Maskiges,
            ``<maskige_path>/<split>/<category>/<name>/<name>_<k>_mask_color.png``.
        **kwargs (Any): See :class:`BaseAVSDataset`.

    Raises:
        ValueError: If a category is named twice, or a clip is of none of them.
    """

    METAINFO = BINARY_METAINFO
    COLUMNS = ('name', 'start', 'category', 'split')
    NUM_FRAMES = 5
    VIDEO_SECONDS = 10
    PUBLISHED_COUNTS = {'train': 3452, 'val': 740, 'test': 740}
    """dict[str, int]: Clips of each split."""
    PREFIX = dict(
        img_path='s4_data/visual_frames',
        mask_path='s4_data/gt_masks',
        audio_path='s4_data/audio_wav',
        logmel_path='s4_data/audio_log_mel',
    )

    def __init__(
        self,
        ann_file: str = 's4_meta_data.csv',
        categories: Sequence[str] | str | None = None,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(categories, str):
            check_choice('categories', categories, ('official',))
            categories = S4_AUDIO_CATEGORIES
        self.categories = None if categories is None else tuple(categories)
        if self.categories is not None and len(set(self.categories)) < len(self.categories):
            raise ValueError(f'A name stands twice in categories={self.categories}.')
        data_prefix = {**self.PREFIX, **(data_prefix or {})}
        super().__init__(ann_file=ann_file, data_prefix=data_prefix, **kwargs)

    def required_folders(self) -> list[str]:
        """The frames of the chosen splits."""
        return [str(Path(self.data_prefix['img_path'], split)) for split in self.splits]

    def parse_data_info(self, raw_data_info: dict[str, str]) -> dict[str, Any]:
        """Paths of one row; see :meth:`BaseAVSDataset.parse_data_info`."""
        name, category, split = (raw_data_info[key] for key in ('name', 'category', 'split'))
        clip = Path(split, category, name)
        numbers = self._frame_numbers(clip, raw_data_info['start'])
        num_masks = 1 if split == 'train' else self.NUM_FRAMES
        files = [Path(clip, f'{name}_{number}.png') for number in numbers]
        prefix = self.data_prefix
        return dict(
            clip_id=f'{category}/{name}',
            category=category,
            split=split,
            img_paths=[str(Path(prefix['img_path'], file)) for file in files],
            mask_paths=[
                str(Path(prefix['mask_path'], file)) if index < num_masks else None
                for index, file in enumerate(files)
            ],
            audio_path=f'{Path(prefix["audio_path"], clip)}.wav',
            logmel_path=f'{Path(prefix["logmel_path"], clip)}.npy',
            **self.maskige_paths(files),
            **self._sounding(name, category),
        )

    def _sounding(self, name: str, category: str) -> dict[str, Any]:
        """What :class:`PackAVSInputs` makes ``gt_audio_labels`` from."""
        if self.categories is None:
            return {}
        if category not in self.categories:
            raise ValueError(
                f'{self.ann_file}: clip {name} has the category "{category}", which is none of the '
                f'{len(self.categories)} categories: {", ".join(self.categories)}. For data other '
                'than S4, as of SynthAVS, set categories of the data set to the list of all of its '
                'names, in any fixed order.'
            )
        return dict(
            num_audio_classes=len(self.categories),
            sounding_classes=[self.categories.index(category)],
        )

    def _frame_numbers(self, clip: Path, start: str) -> list[int]:
        """1-based numbers of the frame files, the last one repeated where the clip is cut short."""
        numbers = list(range(1, self.NUM_FRAMES + 1))
        try:
            seconds = float(start)
        except ValueError as error:
            raise ValueError(
                f'{self.ann_file}: the start of clip {clip} is "{start}", expected seconds.'
            ) from error
        expected = self.VIDEO_SECONDS - seconds
        if expected >= self.NUM_FRAMES:
            return numbers
        folder = Path(self.data_prefix['img_path'], clip)
        present = sum((folder / f'{clip.name}_{number}.png').is_file() for number in numbers)
        # Fewer than the script can have written: files are lost, which the frame loader reports.
        if present == self.NUM_FRAMES or present < max(1, int(expected)):
            return numbers
        print_log(
            f'Clip {clip} starts at second {start} of {self.VIDEO_SECONDS} and has {present} '
            f'frames; frame {present} stands in for the missing ones.',
            logger='current',
        )
        return [min(number, present) for number in numbers]

# Copyright (c) mmavs developers. All rights reserved.
"""AVSBench-object, multiple sources (MS3)."""

from pathlib import Path
from typing import Any

from mmavs.registry import DATASETS

from .base_avs_dataset import BINARY_METAINFO, BaseAVSDataset


@DATASETS.register_module()
class AVSBenchMS3Dataset(BaseAVSDataset):
    """MS3 in the official layout (Zhou et al., Audio-Visual Segmentation, ECCV 2022).

    .. code-block:: none

        ms3_meta_data.csv                                    video_id,split
        ms3_data/visual_frames/<id>/<id>.mp4_<k>.png         k = 1..5
        ms3_data/gt_masks/<split>/<id>/<id>_<k>.png          k = 1..5
        ms3_data/audio_wav/<split>/<id>.wav
        ms3_data/audio_log_mel/<split>/<id>.npy              optional

    Args:
        ann_file (str): Defaults to ``'ms3_meta_data.csv'``.
        data_prefix (dict, optional): Folders of frames, masks and audio, relative to ``data_root``.
            Defaults to the official ones. With ``maskige_path`` the items name their Maskiges,
            ``<maskige_path>/<id>/<stem of the frame>_mask_color.png``.
        frame_name (str): Name of a frame file, with ``{clip}`` and ``{number}``. Defaults to the
            official one; VCT's files at 384x384 are ``'{clip}_{number}.png'``.
        **kwargs (Any): See :class:`BaseAVSDataset`.
    """

    METAINFO = BINARY_METAINFO
    COLUMNS = ('video_id', 'split')
    NUM_FRAMES = 5
    PUBLISHED_COUNTS = {'train': 296, 'val': 64, 'test': 64}
    """dict[str, int]: Clips of each split."""
    PREFIX = dict(
        img_path='ms3_data/visual_frames',
        mask_path='ms3_data/gt_masks',
        audio_path='ms3_data/audio_wav',
        logmel_path='ms3_data/audio_log_mel',
    )

    def __init__(
        self,
        ann_file: str = 'ms3_meta_data.csv',
        data_prefix: dict | None = None,
        frame_name: str = '{clip}.mp4_{number}.png',
        **kwargs: Any,
    ) -> None:
        self.frame_name = frame_name
        data_prefix = {**self.PREFIX, **(data_prefix or {})}
        super().__init__(ann_file=ann_file, data_prefix=data_prefix, **kwargs)

    def parse_data_info(self, raw_data_info: dict[str, str]) -> dict[str, Any]:
        """Paths of one row; see :meth:`BaseAVSDataset.parse_data_info`."""
        clip, split = raw_data_info['video_id'], raw_data_info['split']
        numbers = range(1, self.NUM_FRAMES + 1)
        prefix = self.data_prefix
        frames = [
            Path(clip, self.frame_name.format(clip=clip, number=number)) for number in numbers
        ]
        return dict(
            clip_id=clip,
            split=split,
            img_paths=[str(Path(prefix['img_path'], frame)) for frame in frames],
            mask_paths=[
                str(Path(prefix['mask_path'], split, clip, f'{clip}_{number}.png'))
                for number in numbers
            ],
            audio_path=f'{Path(prefix["audio_path"], split, clip)}.wav',
            logmel_path=f'{Path(prefix["logmel_path"], split, clip)}.npy',
            **self.maskige_paths(frames),
        )

# Copyright (c) mmavs developers. All rights reserved.
"""The unit of data of mmavs: one clip."""

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

IGNORE_INDEX = 255
"""int: The label of pixels that have no label."""


class AVSDataSample(SegDataSample):
    """Ground truth and prediction of one clip of T frames, stacked over time.

    Besides the fields of :class:`mmseg.structures.SegDataSample`, whose pixel maps are here (T, H,
    W):

    - ``frame_valid`` (Tensor): (T,) bool, False on frames that only pad the clip.
    - ``frame_annotated`` (Tensor): (T,) bool, False where the benchmark gives no mask.
    - ``gt_audio_labels`` (Tensor, optional): (num_classes,) float, which classes sound; or which
      of other categories, as of S4's clips, whose masks have none.
    - ``pred_scores`` (PixelData, optional): (T, H, W) float in [0, 1], foreground probability of
      binary tasks.

    Examples:
        >>> sample = AVSDataSample(metainfo=dict(clip_id='dog', img_paths=['0.png', '1.png']))
        >>> sample.gt_sem_seg = PixelData(data=torch.zeros(2, 4, 4, dtype=torch.long))
        >>> sample.frame_valid = torch.tensor([True, True])
        >>> sample.num_frames, sample.frame(1).gt_sem_seg.data.shape
        (2, torch.Size([1, 4, 4]))
    """

    @property
    def frame_valid(self) -> Tensor:
        """Tensor: (T,) bool, which frames belong to the clip."""
        return self._frame_valid

    @frame_valid.setter
    def frame_valid(self, value: Tensor) -> None:
        self._set_flags('_frame_valid', value)

    @frame_valid.deleter
    def frame_valid(self) -> None:
        del self._frame_valid

    @property
    def frame_annotated(self) -> Tensor:
        """Tensor: (T,) bool, which frames have a mask."""
        return self._frame_annotated

    @frame_annotated.setter
    def frame_annotated(self, value: Tensor) -> None:
        self._set_flags('_frame_annotated', value)

    @frame_annotated.deleter
    def frame_annotated(self) -> None:
        del self._frame_annotated

    @property
    def gt_audio_labels(self) -> Tensor:
        """Tensor: (num_classes,) float, 1 for the classes or categories that sound."""
        return self._gt_audio_labels

    @gt_audio_labels.setter
    def gt_audio_labels(self, value: Tensor) -> None:
        self.set_field(value, '_gt_audio_labels', dtype=Tensor)

    @gt_audio_labels.deleter
    def gt_audio_labels(self) -> None:
        del self._gt_audio_labels

    @property
    def pred_scores(self) -> PixelData:
        """PixelData: (T, H, W) foreground probabilities of a binary task."""
        return self._pred_scores

    @pred_scores.setter
    def pred_scores(self, value: PixelData) -> None:
        self.set_field(value, '_pred_scores', dtype=PixelData)

    @pred_scores.deleter
    def pred_scores(self) -> None:
        del self._pred_scores

    @property
    def num_frames(self) -> int:
        """int: T, padding included.

        Raises:
            ValueError: If the sample has neither flags nor pixel maps.
        """
        for flags in ('frame_valid', 'frame_annotated'):
            if flags in self:
                return len(self.get(flags))
        for field in ('gt_sem_seg', 'pred_sem_seg', 'pred_scores'):
            if field in self:
                return self.get(field).data.shape[0]
        raise ValueError(
            'An AVSDataSample without flags, ground truth and prediction has no number of frames.'
        )

    def frame(self, index: int) -> SegDataSample:
        """One frame as an ordinary sample, for the tools of mmseg.

        Args:
            index (int): Position in the clip, 0 <= index < T.

        Returns:
            SegDataSample: Pixel maps of shape (1, H, W), the clip's metainfo with ``img_path`` and
            ``frame_index`` of this frame.

        Raises:
            IndexError: If the clip has no such frame.
        """
        if not 0 <= index < self.num_frames:
            raise IndexError(f'The clip has {self.num_frames} frames, there is no frame {index}.')
        metainfo = {key: value for key, value in self.metainfo.items() if key != 'img_paths'}
        paths = self.metainfo.get('img_paths') or ()
        if index < len(paths):
            metainfo['img_path'] = paths[index]
        sample = SegDataSample(metainfo={**metainfo, 'frame_index': index})
        for field in ('gt_sem_seg', 'pred_sem_seg', 'pred_scores'):
            if field in self:
                sample.set_field(PixelData(data=self.get(field).data[index : index + 1]), field)
        return sample

    def _set_flags(self, name: str, value: Tensor) -> None:
        value = torch.as_tensor(value)
        if value.dtype != torch.bool or value.ndim != 1:
            raise TypeError(
                f'{name[1:]} must be a (T,) bool tensor, got {value.dtype} of shape '
                f'{tuple(value.shape)}.'
            )
        self.set_field(value, name, dtype=Tensor)

# Copyright (c) mmavs developers. All rights reserved.
"""What a prediction rests on, over frames and over their sound, as one picture."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from mmavs.registry import VISUALIZERS
from mmavs.structures import AVSDataSample

from .drawing import colour_levels, log_mel_levels, overlay_heat, resize_image
from .local_visualizer import AVSLocalVisualizer, as_images


@VISUALIZERS.register_module()
class AVSCamVisualizer(AVSLocalVisualizer):
    """Draw Grad-CAM maps of a clip under its frames, ground truth, prediction and sound.

    A row has the frames under their maps, another the log-mel of each frame's sound (time to the
    right, low bands below) under its map. It takes the arguments of :class:`AVSLocalVisualizer`.
    """

    def draw_cams(
        self,
        name: str,
        frames: np.ndarray | Tensor | Sequence[np.ndarray],
        frame_cams: np.ndarray,
        sound_cams: np.ndarray,
        log_mels: np.ndarray,
        asked: Sequence[str],
        data_sample: AVSDataSample | None = None,
        audio: np.ndarray | Tensor | None = None,
        sample_rate: int | None = None,
    ) -> np.ndarray:
        """The picture of a clip.

        Args:
            name (str): Of the clip.
            frames (ndarray | Tensor | Sequence): T frames, see
                :meth:`AVSLocalVisualizer.add_datasample`.
            frame_cams (ndarray): (T, h, w) in [0, 1].
            sound_cams (ndarray): (T, h', w') in [0, 1], time first.
            log_mels (ndarray): (T, C, time, mel), what the audio encoder hears.
            asked (Sequence[str]): Which class each frame was asked about.
            data_sample (AVSDataSample, optional): Ground truth, prediction, flags, times. Defaults
                to None.
            audio (ndarray | Tensor, optional): See :meth:`AVSLocalVisualizer.add_datasample`.
                Defaults to None.
            sample_rate (int, optional): Of a waveform, in Hz. Defaults to 16000.

        Returns:
            ndarray: (H, W, 3) uint8 RGB.

        Raises:
            ValueError: If there are not as many maps as frames.
        """
        images = as_images(frames)
        counts = {len(images), len(frame_cams), len(sound_cams), len(log_mels), len(asked)}
        if len(counts) != 1:
            raise ValueError(
                f'{name}: there are {len(images)} frames, but {len(frame_cams)} maps of frames, '
                f'{len(sound_cams)} of sound, {len(log_mels)} log-mels and {len(asked)} classes.'
            )
        figure = self._figure_of(name, images, data_sample, audio, sample_rate)
        drawn = [
            overlay_heat(resize_image(image, figure.cell), cam)
            for image, cam in zip(images, frame_cams)
        ]
        figure.add_times(asked)
        figure.add_row('Grad-CAM\nframes', drawn, [None] * len(drawn))
        # The map has time first; in the picture time goes right and frequency up.
        heard = [
            overlay_heat(colour_levels(levels, figure.cell), cam.T[::-1])
            for levels, cam in zip(log_mel_levels(log_mels), sound_cams)
        ]
        figure.add_row('Grad-CAM\nsound', heard, [None] * len(heard))
        return figure.render()

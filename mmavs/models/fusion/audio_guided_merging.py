# Copyright (c) mmavs developers. All rights reserved.
"""Sound acts between the stages of a backbone: AMA of RAVS, over its stages."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout, SemanticMerge


@MODELS.register_module()
class AudioGuidedMerging(BaseModule):
    """One merging module a stage (RAVS, section 3.2 of the paper; sheet sections 1 and 3).

    The rungs of the paper's Table 3 differ in ``merging``: ``CrossAttentionFusion`` is the
    baseline, with ``filter_silent=True`` the ground-truth filtering, ``SoundGuidedMerging`` the
    method. ``num_groups`` is Table 4.

    Args:
        stages (Sequence[int]): Stages of the backbone, from 0, after which sound acts. Defaults to
            the first three, whose maps have strides 4, 8 and 16.
        channels (Sequence[int]): D_l of each of these. Defaults to those of MiT-B5.
        num_groups (Sequence[int], optional): P of each of these; None for a ``merging`` that makes
            no groups. Defaults to 14, 7, 5.
        audio_channels (int): C, of the one vector that a frame hears. Defaults to 128.
        merging (dict, optional): Built for each stage with ``embed_dims``, ``audio_channels`` and
            ``num_groups``. Defaults to ``SoundGuidedMerging``.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If the stages, channels and numbers of groups are not equally many.
    """

    def __init__(
        self,
        stages: Sequence[int] = (0, 1, 2),
        channels: Sequence[int] = (64, 128, 320),
        num_groups: Sequence[int] | None = (14, 7, 5),
        audio_channels: int = 128,
        merging: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        groups = (None,) * len(stages) if num_groups is None else tuple(num_groups)
        if not len(stages) == len(channels) == len(groups):
            raise ValueError(
                'stages, channels and num_groups of model.fusion must have one entry a stage, got '
                f'{tuple(stages)}, {tuple(channels)} and {groups}.'
            )
        self.merges = nn.ModuleDict()
        for stage, dims, number in zip(stages, channels, groups):
            config = dict(embed_dims=dims, audio_channels=audio_channels)
            if number is not None:
                config['num_groups'] = number
            config = {'type': 'SoundGuidedMerging', **(merging or {}), **config}
            self.merges[str(stage)] = MODELS.build(config)
        self.needs_masks = any(merge.needs_masks for merge in self.merges.values())
        self.mixes_frames = any(merge.mixes_frames for merge in self.merges.values())

    def forward(
        self,
        stage: int,
        feat: Tensor,
        audio: AudioFeatures,
        layout: ClipLayout,
        sounding: Tensor | None = None,
    ) -> tuple[Tensor, SemanticMerge | None]:
        """What the next stage and the head read instead of a stage's map.

        Args:
            stage (int): Of the backbone, from 0.
            feat (Tensor): (R, D_l, h, w), its map.
            audio (AudioFeatures): Vectors (R, 1, C) are read.
            layout (ClipLayout): Of the R rows.
            sounding (Tensor, optional): (R, H, W) bool, the ground truth of what sounds; given in
                training alone, and only to a module that ``needs_masks``.

        Returns:
            tuple[Tensor, SemanticMerge | None]: The map (R, D_l, h, w), and what was merged, R
            rows; None where the stage has no module or makes no groups.

        Raises:
            ValueError: If a frame hears more than one vector, or the map has other channels.
        """
        if str(stage) not in self.merges:
            return feat, None
        if audio.embed.shape[1] != 1:
            raise ValueError(
                'model.fusion reads one vector of sound a frame, the audio encoder gives '
                f'{audio.embed.shape[1]} tokens.'
            )
        merge = self.merges[str(stage)]
        if feat.shape[1] != merge.embed_dims:
            raise ValueError(
                f'Stage {stage} of the backbone has {feat.shape[1]} channels, '
                f'model.fusion.channels says {merge.embed_dims}.'
            )
        return merge(feat, audio.embed.squeeze(1), layout, sounding)

# Copyright (c) mmavs developers. All rights reserved.
"""How sound gets between the stages of a backbone."""

import inspect

from torch import Tensor, nn

from mmavs.structures import AudioFeatures, ClipLayout, SemanticMerge


class StageFusion:
    """What a backbone calls between its stages in one forward pass, and what came of it.

    Args:
        fusion (nn.Module): ``model.fusion``.
        audio (AudioFeatures): R rows.
        layout (ClipLayout): Of the R rows.
        labels (Tensor, optional): (N, H, W) int64 classes of all frames, padding included; in
            training alone. Given on to a ``fusion`` that ``needs_masks``, as what sounds: a class
            other than 0, or 255, so that frames without a label are not filtered.
    """

    def __init__(
        self,
        fusion: nn.Module,
        audio: AudioFeatures,
        layout: ClipLayout,
        labels: Tensor | None = None,
    ) -> None:
        self.fusion, self.audio, self.layout = fusion, audio, layout
        self.sounding = None
        if labels is not None and fusion.needs_masks:
            self.sounding = layout.to_rows((labels != 0).unflatten(0, (-1, layout.num_frames)))
        self._merges = {}

    def __call__(self, stage: int, feat: Tensor) -> Tensor:
        """The map of a stage (R, D_l, h, w) after the sound has acted on it."""
        feat, merge = self.fusion(stage, feat, self.audio, self.layout, self.sounding)
        if merge is not None:
            # by stage, because a backbone that is checkpointed as a whole runs twice
            self._merges[stage] = SemanticMerge(*map(self.layout.drop_padding, merge))
        return feat

    @property
    def merges(self) -> list[SemanticMerge]:
        """Of valid rows, stage by stage."""
        return list(self._merges.values())


def check_stages(backbone: nn.Module) -> None:
    """Refuse a backbone that lets nothing act between its stages.

    Raises:
        ValueError: If its ``forward`` does not take ``between``.
    """
    if 'between' not in inspect.signature(backbone.forward).parameters:
        raise ValueError(
            'model.fusion acts between the stages of model.backbone, which '
            f'{type(backbone).__name__} does not allow: take PVTv2 or MixVisionTransformer, or '
            'model.fusion=None.'
        )

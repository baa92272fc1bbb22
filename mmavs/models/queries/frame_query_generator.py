# Copyright (c) mmavs developers. All rights reserved.
"""One query for each frame of a clip."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

SOURCES = ('audio', 'learned')


@MODELS.register_module()
class FrameQueryGenerator(BaseModule):
    """Query t of a clip stands for what sounds in frame t (AQFormer, section 3.3; sheet section 5).

    Args:
        source (str): ``'audio'``: a linear layer on the sound of the frame; ``'learned'``: a row of
            a table, the «vanilla object query» of the paper's Table 2a. Defaults to 'audio'.
        audio_channels (int): C_a. Defaults to 128.
        embed_dims (int): D. Defaults to 256.
        max_frames (int): Longest clip, rows of the table. Defaults to 10.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If the source is not known.
    """

    def __init__(
        self,
        source: str = 'audio',
        audio_channels: int = 128,
        embed_dims: int = 256,
        max_frames: int = 10,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if source not in SOURCES:
            raise ValueError(f'source must be one of {SOURCES}, got {source!r}.')
        self.audio_proj = nn.Linear(audio_channels, embed_dims) if source == 'audio' else None
        self.query_feat = nn.Embedding(max_frames, embed_dims) if source == 'learned' else None

    def forward(self, audio: Tensor, layout: ClipLayout) -> Tensor:
        """Queries (B, T, D) for the sounds (R, C_a) of the frames.

        Raises:
            ValueError: If clips are longer than the table.
        """
        if self.audio_proj is not None:
            return layout.to_clips(self.audio_proj(audio))
        frames, rows = layout.num_frames, len(self.query_feat.weight)
        if frames > rows:
            raise ValueError(
                f'The clips have {frames} frames, the table of queries {rows} rows: set '
                f'decode_head.query_generator.max_frames={frames}.'
            )
        clips = len(layout.valid) // frames
        return self.query_feat.weight[:frames].expand(clips, -1, -1)

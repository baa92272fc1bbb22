# Copyright (c) mmavs developers. All rights reserved.
"""Queries that come from the pixels and know what could sound."""

from collections.abc import Sequence

from mmdet.models.layers import MLP
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout, QueryOutputs

from .pixel_grouping import PixelGrouping
from .prompt_attention import PromptAttention

STRIDE = 4
GROUPINGS = ('group', 'cross', 'none')


@MODELS.register_module()
class PrototypePromptedQueryGenerator(BaseModule):
    """PPQG: vision-derived queries (Huang et al., CVPR 2025, section 3.2; sheet vct.md, 5.2).

    Three steps: an MLP over all pixels makes Q visual embeddings of the mask feature; these attend
    to learned prototypes of what can sound; each pixel joins one query, which adds their mean.
    Queries of the decoder are these plus a learned table. Defaults are those of the official code.

    The ablations of the paper's Tables 2 to 4 are its arguments: naive vision queries
    (``grouping='none'``), cross-attention (``grouping='cross'``), no prototypes
    (``num_prototypes=None``, which is also the official MS3 model), and the sound in the place of
    the prototypes (``prompt_by_audio=True``). Which loss teaches the prototypes is the head's
    choice.

    Args:
        image_size (int | Sequence[int]): (H, W) of the padded frames, one number if square. The MLP
            over the pixels has one weight a pixel of the mask feature, (H/4)*(W/4), so no other
            size can be computed.
        num_queries (int): Q. Defaults to 100.
        embed_dims (int): D. Defaults to 256.
        in_channels (int, optional): Channels of the map that queries come from. None: D, of the
            pixel decoder's mask feature, as in the official code; the paper takes the finest map of
            the backbone. Defaults to None.
        num_prototypes (int, optional): P. Official models have 71 for AVSS (classes, background
            included), 23 for S4 (categories of videos), none for MS3. Defaults to None.
        prompt_by_audio (bool): Attend to the audio tokens instead of prototypes ("Replace" in the
            paper's Table 4). Defaults to False.
        num_heads (int): Heads of the attention to prototypes. Defaults to 4; the paper has 1.
        grouping (str): ``'group'``: each pixel joins one query; ``'cross'``: softmax over the
            pixels; ``'none'``. Defaults to 'group'.
        similarity_scale (float, optional): See :class:`PixelGrouping`. Defaults to None.
        count_eps (float): See :class:`PixelGrouping`. Defaults to 1.
        learned_queries (bool): Add a learned table ``query_feat``. Defaults to True.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If arguments are out of range or contradict each other.
    """

    def __init__(
        self,
        image_size: int | Sequence[int],
        num_queries: int = 100,
        embed_dims: int = 256,
        in_channels: int | None = None,
        num_prototypes: int | None = None,
        prompt_by_audio: bool = False,
        num_heads: int = 4,
        grouping: str = 'group',
        similarity_scale: float | None = None,
        count_eps: float = 1.0,
        learned_queries: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if grouping not in GROUPINGS:
            raise ValueError(f'grouping must be one of {GROUPINGS}, got {grouping!r}.')
        if prompt_by_audio and num_prototypes:
            raise ValueError(
                'prompt_by_audio=True puts the sound in the place of the prototypes: set '
                f'num_prototypes=None (got {num_prototypes}).'
            )
        self.num_queries = num_queries
        self.map_size = _map_size(image_size)
        self.prompt_by_audio = prompt_by_audio
        self.pixel_proj = nn.Sequential(
            nn.Conv2d(in_channels or embed_dims, embed_dims, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(embed_dims, embed_dims, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(embed_dims, embed_dims, 1),
        )
        height, width = self.map_size
        self.query_mixer = MLP(height * width, embed_dims, num_queries, num_layers=3)
        self.prototypes = nn.Embedding(num_prototypes, embed_dims) if num_prototypes else None
        self.prompting = (
            PromptAttention(embed_dims, num_heads) if num_prototypes or prompt_by_audio else None
        )
        self.grouping = None
        if grouping != 'none':
            self.grouping = PixelGrouping(
                embed_dims, grouping == 'group', similarity_scale, count_eps
            )
        self.query_feat = nn.Embedding(num_queries, embed_dims) if learned_queries else None

    def forward(
        self,
        mask_feature: Tensor,
        audio: Tensor | None = None,
        layout: ClipLayout | None = None,
    ) -> QueryOutputs:
        """Make queries of the pixels.

        Args:
            mask_feature (Tensor): (V, C, H/4, W/4).
            audio (Tensor, optional): (V, L, D) tokens, read with ``prompt_by_audio``.
            layout (ClipLayout, optional): Not read, since frames never mix.

        Returns:
            QueryOutputs: All but the ``assignment`` of 'none' and ``prototypes`` if there are none.

        Raises:
            ValueError: If the map has another size than ``image_size`` says, or sound is missing.
        """
        self._check_size(mask_feature)
        pixels = self.pixel_proj(mask_feature).flatten(2)
        queries = self.query_mixer(pixels).transpose(1, 2)
        if self.prompting is not None:
            queries = self.prompting(queries, self._prompts(len(queries), audio))
        assignment = None
        if self.grouping is not None:
            queries, assignment = self.grouping(queries, pixels)
        return QueryOutputs(
            queries if self.query_feat is None else queries + self.query_feat.weight,
            assignment,
            None if self.prototypes is None else self.prototypes.weight,
            queries,
        )

    def _prompts(self, num_frames: int, audio: Tensor | None) -> Tensor:
        """What the visual embeddings attend to, (V, P or L, D)."""
        if not self.prompt_by_audio:
            return self.prototypes.weight.expand(num_frames, -1, -1)
        if audio is None:
            raise ValueError(
                'decode_head.query_generator.prompt_by_audio=True needs the sound, but the head '
                'gives none: set decode_head.audio_mlp.'
            )
        return audio

    def _check_size(self, mask_feature: Tensor) -> None:
        """Refuse maps of another size than the MLP over the pixels was made for."""
        found = tuple(mask_feature.shape[-2:])
        if found == self.map_size:
            return
        height, width = (STRIDE * size for size in found)
        made_for = tuple(STRIDE * size for size in self.map_size)
        raise ValueError(
            f'decode_head.query_generator.image_size is {made_for}, but these frames are '
            f'({height}, {width}) after padding (mask feature {found}). The generator has one '
            'weight a pixel: bring the frames to image_size in the pipeline, or set image_size to '
            f'({height}, {width}) and train.'
        )


def _map_size(image_size: int | Sequence[int]) -> tuple[int, int]:
    """(h, w) of the mask feature of frames of this size."""
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or any(side <= 0 or side % STRIDE for side in size):
        raise ValueError(
            f'image_size must be one or two positive multiples of {STRIDE} (H, W), the stride of '
            f'the mask feature; got {image_size}.'
        )
    return size[0] // STRIDE, size[1] // STRIDE

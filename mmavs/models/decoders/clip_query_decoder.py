# Copyright (c) mmavs developers. All rights reserved.
"""The decoder of AQFormer: the queries of a clip read the maps of all its frames."""

from collections.abc import Mapping, Sequence

import torch
from mmdet.models.layers import SinePositionalEncoding, SinePositionalEncoding3D
from mmdet.models.layers.transformer.mask2former_layers import Mask2FormerTransformerDecoderLayer
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

from .layer_cfg import layer_cfg

NORMS = ('post', 'branch')


class BranchNormDecoderLayer(Mask2FormerTransformerDecoderLayer):
    """The layer as eq. 3 to 5 of AQFormer print it: ``LN(branch(x)) + x``."""

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_pos: Tensor | None = None,
        key_pos: Tensor | None = None,
        self_attn_mask: Tensor | None = None,
        cross_attn_mask: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
    ) -> Tensor:
        """As mmdet's layer, but for the place of the norms; (B, Q, D) to (B, Q, D)."""
        nothing = query.new_zeros(())
        attended = self.cross_attn(
            query,
            key,
            value,
            identity=nothing,
            query_pos=query_pos,
            key_pos=key_pos,
            attn_mask=cross_attn_mask,
            key_padding_mask=key_padding_mask,
        )
        query = self.norms[0](attended) + query
        attended = self.self_attn(
            query,
            identity=nothing,
            query_pos=query_pos,
            key_pos=query_pos,
            attn_mask=self_attn_mask,
        )
        query = self.norms[1](attended) + query
        return self.norms[2](self.ffn(query, identity=nothing)) + query


@MODELS.register_module()
class ClipQueryDecoder(BaseModule):
    """Layers of cross-attention to one map of all frames, self-attention, feed-forward network.

    T queries of a clip, one a frame, read T*h*w pixels (AQFormer, section 3.3; sheet section 5).
    The layers are mmdet's of Mask2Former, without its masks. A learned row for each map is added to
    its pixels.

    Args:
        reads (Sequence[str]): Map of each layer of a stage, by name. Defaults to
            ``('s32', 's16', 's8')``.
        num_stages (int): N, how often ``reads`` is gone through, each time with layers of its own.
            Defaults to 3.
        own_frame (bool): Query t reads frame t only («Audio Query†» of Table 2a). Defaults to
            False.
        norm (str): ``'post'``: ``LN(x + branch(x))`` as in MaskFormer, which the text follows;
            ``'branch'``: ``LN(branch(x)) + x`` as eq. 3 to 5 print it. Defaults to 'post'.
        time_positions (bool): Add a learned code of the frame to each query, and a sine code of the
            frame to that of the place; False: the place only. Defaults to True.
        max_frames (int): Longest clip, rows of the learned codes. Defaults to 10.
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Defaults to 8.
        feedforward_channels (int): Defaults to 2048.
        dropout (float): Of attentions, residuals and the feed-forward network. Defaults to 0.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Attributes:
        reads (tuple[str]): Map of each of the L layers.

    Raises:
        ValueError: If there is no layer or the norm is not known.
    """

    def __init__(
        self,
        reads: Sequence[str] = ('s32', 's16', 's8'),
        num_stages: int = 3,
        own_frame: bool = False,
        norm: str = 'post',
        time_positions: bool = True,
        max_frames: int = 10,
        embed_dims: int = 256,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if norm not in NORMS:
            raise ValueError(f'norm must be one of {NORMS}, got {norm!r}.')
        self.reads = num_stages * tuple(reads)
        if not self.reads:
            raise ValueError(
                f'The decoder has no layer: reads={tuple(reads)}, num_stages={num_stages}. '
                "Name at least one map, such as 's8', and at least one stage."
            )
        self.sources = tuple(dict.fromkeys(self.reads))
        self.own_frame = own_frame
        self.num_heads = num_heads
        self.query_embed = nn.Embedding(max_frames, embed_dims) if time_positions else None
        self.level_embed = nn.Embedding(len(self.sources), embed_dims)
        sine = SinePositionalEncoding3D if time_positions else SinePositionalEncoding
        self.positional_encoding = sine(embed_dims // 2, normalize=True)
        layer = Mask2FormerTransformerDecoderLayer if norm == 'post' else BranchNormDecoderLayer
        settings = (embed_dims, num_heads, feedforward_channels, dropout)
        self.layers = ModuleList(layer(**layer_cfg(*settings)) for _ in self.reads)

    def init_weights(self) -> None:
        """Xavier for every matrix of the layers, N(0, 1) for the embeddings, as in Mask2Former."""
        super().init_weights()
        for parameter in self.layers.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self,
        queries: Tensor,
        maps: Mapping[str, Tensor],
        layout: ClipLayout,
        attention: list[Tensor] | None = None,
    ) -> list[Tensor]:
        """Decode.

        Args:
            queries (Tensor): (B, T, D).
            maps (Mapping[str, Tensor]): (R, D, h, w) by name.
            layout (ClipLayout): Of the R rows. Frames that pad a clip are not read.
            attention (list[Tensor], optional): Is given the weights of the last layer, mean over
                the heads, as (R, T, h, w): of each frame what each query of its clip takes.

        Returns:
            list[Tensor]: Queries (B, T, D) after each layer. Those of padded frames mean nothing.

        Raises:
            ValueError: If a map that a layer reads is not there, or clips are longer than the
                learned codes.
        """
        self._check(queries.shape[1], maps)
        memories = {
            name: self._memory(maps[name], embed, layout)
            for name, embed in zip(self.sources, self.level_embed.weight)
        }
        position = None
        if self.query_embed is not None:
            position = self.query_embed.weight[: queries.shape[1]].expand_as(queries)
        weights = []
        if attention is not None:
            # torch's module gives the weights beside the output, mmcv's drops them
            hook = self.layers[-1].cross_attn.attn.register_forward_hook(
                lambda module, inputs, output: weights.append(output[1])
            )
        outputs = []
        for layer, name in zip(self.layers, self.reads):
            queries = layer(queries, query_pos=position, **memories[name])
            outputs.append(queries)
        if attention is not None:
            hook.remove()
            size = maps[self.reads[-1]].shape[-2:]
            clips = weights[0].unflatten(-1, (-1, *size)).transpose(1, 2)
            attention.append(layout.to_rows(clips))
        return outputs

    def _check(self, frames: int, maps: Mapping[str, Tensor]) -> None:
        missing = set(self.sources) - set(maps)
        if missing:
            raise ValueError(
                f'decoder.reads names {sorted(missing)}, but the head gives {sorted(maps)}.'
            )
        if self.query_embed is not None and frames > len(self.query_embed.weight):
            raise ValueError(
                f'The clips have {frames} frames, the decoder has codes for '
                f'{len(self.query_embed.weight)}: set decode_head.decoder.max_frames={frames}, '
                'or time_positions=False.'
            )

    def _memory(self, source: Tensor, embed: Tensor, layout: ClipLayout) -> dict[str, Tensor]:
        """What a layer is told of a map (R, D, h, w): its T*h*w pixels, the codes of their places
        and frames, and which of them must not be read.
        """
        real = layout.valid.view(-1, layout.num_frames)
        clips = layout.to_clips(source + embed[:, None, None])
        padding = ~real[..., None, None].expand(-1, -1, *source.shape[-2:])
        if self.query_embed is not None:
            code = self.positional_encoding(padding)
        else:
            code = self.positional_encoding(None, source[:1]).expand_as(clips)
        tokens, code = (x.movedim(2, -1).flatten(1, 3) for x in (clips, code))
        memory = dict(key=tokens, value=tokens, key_pos=code)
        pixels, frames = source.shape[-2] * source.shape[-1], layout.num_frames
        if self.own_frame:
            other = ~torch.eye(frames, dtype=torch.bool, device=source.device)
            memory['cross_attn_mask'] = other.repeat_interleave(pixels, dim=1)
        if not real.all():
            blocked = ~real[:, None].expand(-1, frames, -1)
            memory['self_attn_mask'] = blocked.repeat_interleave(self.num_heads, dim=0)
            if not self.own_frame:  # a padded frame would have nothing left to read
                memory['key_padding_mask'] = padding.flatten(1)
        return memory

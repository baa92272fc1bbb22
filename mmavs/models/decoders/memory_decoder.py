# Copyright (c) mmavs developers. All rights reserved.
"""A plain transformer decoder over the tokens of all levels."""

from mmdet.models.layers.transformer.detr_layers import DetrTransformerDecoderLayer
from mmengine.model import BaseModule, ModuleList
from torch import Tensor

from mmavs.registry import MODELS

from .layer_cfg import layer_cfg


@MODELS.register_module()
class MemoryDecoder(BaseModule):
    """Post-norm layers of self-attention, attention to the whole memory, feed-forward network.

    No positions are added to queries, keys or values and there is no final norm (AVSegFormer, sheet
    section 4.5). The layers are mmdet's.

    Args:
        num_layers (int): Defaults to 6.
        embed_dims (int): D. Defaults to 256.
        num_heads (int): Defaults to 8.
        feedforward_channels (int): Defaults to 2048.
        dropout (float): Of attentions, residuals and the feed-forward network. Defaults to 0.1.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        num_layers: int = 6,
        embed_dims: int = 256,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        dropout: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        settings = (embed_dims, num_heads, feedforward_channels, dropout, 'GELU')
        self.layers = ModuleList(
            DetrTransformerDecoderLayer(**layer_cfg(*settings)) for _ in range(num_layers)
        )

    def forward(self, query: Tensor, memory: Tensor) -> list[Tensor]:
        """Decode.

        Args:
            query (Tensor): (N, Q, D).
            memory (Tensor): (N, S, D), the tokens of all levels.

        Returns:
            list[Tensor]: The queries (N, Q, D) after each layer.
        """
        outputs = []
        for layer in self.layers:
            query = layer(query, key=memory, value=memory)
            outputs.append(query)
        return outputs

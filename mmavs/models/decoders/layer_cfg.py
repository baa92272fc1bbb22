# Copyright (c) mmavs developers. All rights reserved.
"""Settings of mmdet's decoder layers."""


def layer_cfg(
    embed_dims: int,
    num_heads: int,
    feedforward_channels: int,
    dropout: float,
    activation: str = 'ReLU',
) -> dict[str, dict]:
    """Arguments of ``DetrTransformerDecoderLayer`` and its subclasses.

    Args:
        embed_dims (int): D.
        num_heads (int): Of both attentions.
        feedforward_channels (int): Hidden channels of the feed-forward network.
        dropout (float): Of attentions, residuals and the feed-forward network.
        activation (str): Of the feed-forward network. Defaults to 'ReLU'.

    Returns:
        dict[str, dict]: New dicts at every call, since the layer writes into them.
    """

    def attention() -> dict:
        return dict(
            embed_dims=embed_dims,
            num_heads=num_heads,
            attn_drop=dropout,
            # mmcv's argument ``dropout`` would write into the default that all its attentions share
            dropout_layer=dict(type='Dropout', drop_prob=dropout),
        )

    return dict(
        self_attn_cfg=attention(),
        cross_attn_cfg=attention(),
        ffn_cfg=dict(
            embed_dims=embed_dims,
            feedforward_channels=feedforward_channels,
            ffn_drop=dropout,
            act_cfg=dict(type=activation),
        ),
    )

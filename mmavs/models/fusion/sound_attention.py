# Copyright (c) mmavs developers. All rights reserved.
"""What each visual token hears: eq. 5 of RAVS."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

KEYS = ('frame', 'clip')


@MODELS.register_module()
class SoundAttention(BaseModule):
    """Multi-head cross-attention of visual tokens over sound (RAVS eq. 5; sheet section 3).

    With the one sound of its frame as the only key, the softmax over the keys that the paper writes
    would be 1, and every token would hear the same. ``'frame'`` takes a sigmoid instead, as the
    public code of the same authors does (DDESeg); ``'clip'`` takes the softmax over the sounds of
    all frames of the clip.

    Queries, keys and values have no bias. A token's queries and its sum of the values are each one
    linear map, whose factors are multiplied with the few keys and values first, so that nothing of
    the size tokens x D is made on the way; the numbers are the same.

    Args:
        embed_dims (int): D of the tokens and of the projected sound.
        num_heads (int): Defaults to 8.
        keys (str): ``'frame'`` or ``'clip'``. Defaults to 'frame'.
        init_cfg (dict, optional): Initialisation. Defaults to None: uniform Xavier.

    Raises:
        ValueError: If ``keys`` is unknown, or the heads do not divide ``embed_dims``.
    """

    def __init__(
        self, embed_dims: int, num_heads: int = 8, keys: str = 'frame', init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg or dict(type='Xavier', layer='Linear', distribution='uniform'))
        if keys not in KEYS:
            raise ValueError(f'keys must be one of {KEYS}, got {keys!r}.')
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims ({embed_dims}) must be a multiple of num_heads ({num_heads}).'
            )
        self.num_heads = num_heads
        self.keys = keys
        self.query = nn.Linear(embed_dims, embed_dims, bias=False)
        self.key = nn.Linear(embed_dims, embed_dims, bias=False)
        self.value = nn.Linear(embed_dims, embed_dims, bias=False)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, tokens: Tensor, sound: Tensor, layout: ClipLayout) -> Tensor:
        """What is added to the tokens.

        Args:
            tokens (Tensor): (R, N, D).
            sound (Tensor): (R, D), projected.
            layout (ClipLayout): Of the R rows.

        Returns:
            Tensor: (R, N, D).
        """
        heard, present = sound[:, None], None
        if self.keys == 'clip':
            heard = layout.of_clip(sound)
            present = layout.of_clip(layout.row_valid)[:, None, None]
        key = self._through(self.key(heard), self.query.weight.unflatten(0, (self.num_heads, -1)))
        scores = tokens @ key.flatten(1, 2).mT  # (R, N, heads * L)
        scores = scores.unflatten(-1, (self.num_heads, -1))
        scores = scores * (tokens.shape[-1] // self.num_heads) ** -0.5
        if present is None:
            weights = scores.sigmoid()
        else:
            weights = scores.masked_fill(~present, -torch.inf).softmax(-1)
        value = self.proj.weight.mT.unflatten(0, (self.num_heads, -1))
        value = self._through(self.value(heard), value)
        return weights.flatten(2).to(value.dtype) @ value.flatten(1, 2) + self.proj.bias

    def _through(self, heard: Tensor, matrices: Tensor) -> Tensor:
        """Sounds (R, L, D), by heads through a matrix (D/heads, D) each: (R, heads, L, D)."""
        return heard.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) @ matrices

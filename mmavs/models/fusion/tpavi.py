# Copyright (c) mmavs developers. All rights reserved.
"""Temporal pixel-wise audio-visual interaction."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout


@MODELS.register_module()
class TPAVI(BaseModule):
    """Temporal pixel-wise audio-visual interaction (Zhou et al., ECCV 2022; sheet section 4).

    Every position p of a group of frames asks all P = frames*h*w positions s of the group, where
    the key is the sound of the frame of s and the value the picture at s::

        y_p = 1/P * sum_s (theta_p . phi_s) g_s
        z   = LayerNorm(BN(W y + b) + x)

    There is no softmax, so the sum over s is one matrix M of the group, and ``y_p = M^T theta_p``:
    the P x P products (0.98 GB a clip at 56 x 56) are never made, nor are y, theta and g, because
    ``W M^T theta`` is one linear map of x. The numbers are the same.

    Frames that only pad a clip are zeros to the block, as in the official code: they count in P and
    contribute their biases.

    Args:
        embed_dims (int): D, channels of the map. Defaults to 256.
        audio_channels (int): C, channels of the sound. Defaults to 128.
        inner_channels (int, optional): Channels of theta, phi and g. Defaults to D/2.
        audio_bias (bool): Whether the projection of the sound has a bias: yes in the official code
            of S4 and MS3, no in that of AVSS. Defaults to True.
        group_frames (int): Frames that see each other. Clips are cut into such groups, the last is
            filled with padded frames. Defaults to 5, also for the 10 frames of AVSS.
        visual_attention (bool): Average the block's output with that of the same block hearing the
            picture instead of the sound (official ``tpavi_vv_flag``). Defaults to False.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        audio_channels: int = 128,
        inner_channels: int | None = None,
        audio_bias: bool = True,
        group_frames: int = 5,
        visual_attention: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        inner_channels = inner_channels or embed_dims // 2
        self.group_frames = group_frames
        self.visual_attention = visual_attention
        self.audio_proj = nn.Linear(audio_channels, embed_dims, bias=audio_bias)
        self.theta = nn.Linear(embed_dims, inner_channels)
        self.phi = nn.Linear(embed_dims, inner_channels)
        self.g = nn.Linear(embed_dims, inner_channels)
        self.out_proj = nn.Linear(inner_channels, embed_dims)
        self.bn = nn.BatchNorm2d(embed_dims)
        self.norm = LayerNorm2d(embed_dims, eps=1e-5)

    def init_weights(self) -> None:
        """The batch norm begins at zero: the block begins as LayerNorm(x)."""
        super().init_weights()
        if not self.init_cfg:
            nn.init.zeros_(self.bn.weight)
            nn.init.zeros_(self.bn.bias)

    def forward(self, feature: Tensor, audio: Tensor, layout: ClipLayout) -> tuple[Tensor, Tensor]:
        """Let the frames of each group see and hear each other.

        Args:
            feature (Tensor): (R, D, h, w), zero on padded frames if the layout has them.
            audio (Tensor): (R, C), likewise.
            layout (ClipLayout): Of the R rows.

        Returns:
            tuple[Tensor, Tensor]: The map (R, D, h, w), and the projected sound (R, D), which the
            loss reads too.
        """
        sound = self.audio_proj(audio)
        silence = self.audio_proj(audio.new_zeros(audio.shape[1]))
        pairs = self._pair(self.phi(sound), self.g(feature.mean((2, 3))))
        padding = self._pair(self.phi(silence), self.g.bias)
        output = self._attend(feature, pairs, padding, layout)
        if self.visual_attention:
            pairs = self._pair_pixels(feature)
            padding = self._pair(self.phi.bias, self.g.bias)
            output = (output + self._attend(feature, pairs, padding, layout)) / 2
        return output, sound

    @staticmethod
    def _pair(key: Tensor, value: Tensor) -> Tensor:
        """Outer products (..., C', C') of keys and values (..., C')."""
        return key[..., :, None] * value[..., None, :]

    def _pair_pixels(self, feature: Tensor) -> Tensor:
        """Mean over the pixels of the outer products of phi and g, (R, C', C').

        They are linear in the pixel, so the second moments of the feature are all that is needed.
        """
        pixels = feature.flatten(2)
        # the factor is inside the product, because float16 may not hold the sum over the pixels
        moments = torch.baddbmm(
            pixels.new_zeros(()),
            pixels,
            pixels.transpose(1, 2),
            beta=0,
            alpha=1 / pixels.shape[-1],
        )
        mean = pixels.mean(-1)
        products = self.phi.weight @ moments @ self.g.weight.T
        return (
            products
            + self._pair(F.linear(mean, self.phi.weight), self.g.bias)
            + self._pair(self.phi.bias, self.g(mean))
        )

    def _attend(
        self, feature: Tensor, pairs: Tensor, padding: Tensor, layout: ClipLayout
    ) -> Tensor:
        """The block's output for the mean products of key and value of each row."""
        memory = self._group_mean(layout.to_clips(pairs, padding), padding)
        # y = M^T theta: with the layers around it one matrix and one bias for each group
        read = self.out_proj.weight @ memory.mT
        matrix = layout.to_rows(read @ self.theta.weight)
        bias = layout.to_rows(read @ self.theta.bias + self.out_proj.bias)
        mapped = torch.baddbmm(bias[..., None], matrix, feature.flatten(2))
        return self.norm(self.bn(mapped.view_as(feature)) + feature)

    def _group_mean(self, clips: Tensor, padding: Tensor) -> Tensor:
        """Mean over the frames of each group, for each frame: (B, T, ...) to (B, T, ...)."""
        frames = clips.shape[1]
        missing = -frames % self.group_frames
        if missing:
            filling = padding.expand(len(clips), missing, *padding.shape)
            clips = torch.cat([clips, filling], dim=1)
        groups = clips.unflatten(1, (-1, self.group_frames)).mean(2)
        return groups.repeat_interleave(self.group_frames, dim=1)[:, :frames]

# Copyright (c) mmavs developers. All rights reserved.
"""Multi-scale deformable attention on whatever kernel this machine has, and its encoder."""

from functools import lru_cache

import torch
from mmcv.ops import get_compiling_cuda_version
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttention,
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from mmdet.models.layers import DeformableDetrTransformerEncoder
from mmdet.models.layers.transformer.deformable_detr_layers import (
    DeformableDetrTransformerEncoderLayer,
)
from mmengine.model import ModuleList
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.utils.activation_checkpointing import checkpoint_module
from mmavs.utils.mmcv_ops import has_compiled_ops


@lru_cache(maxsize=1)
def has_cuda_kernel() -> bool:
    """Whether mmcv was compiled with its CUDA operators."""
    return has_compiled_ops() and get_compiling_cuda_version() != 'not available'


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of ``number`` that is not above ``limit``."""
    return next(d for d in range(min(number, limit), 0, -1) if number % d == 0)


def deformable_attention(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int = 64,
) -> Tensor:
    """Sample the value maps and sum (Deformable DETR, equation 3), always in float32 or float64.

    mmcv's CUDA kernel runs where it is compiled and the tensors are on a GPU, mmcv's PyTorch
    implementation anywhere else. Half precision is lifted to float32: the kernel has no bfloat16,
    and a float16 location is off by up to 0.016 pixels on a map 64 wide.

    Args:
        value (Tensor): (N, S, heads, D/heads), S = sum of all levels' H*W.
        spatial_shapes (Tensor): (levels, 2) int64, height and width of each level.
        level_start_index (Tensor): (levels,) int64, first token of each level.
        sampling_locations (Tensor): (N, Q, heads, levels, points, 2), x and y in [0, 1].
        attention_weights (Tensor): (N, Q, heads, levels, points).
        im2col_step (int): Rows of the batch that the kernel takes at once, at most. Defaults to 64.

    Returns:
        Tensor: (N, Q, D) in the value's dtype.
    """
    dtype = value.dtype
    compute_dtype = torch.promote_types(dtype, torch.float32)
    value, sampling_locations, attention_weights = (
        tensor.to(compute_dtype) for tensor in (value, sampling_locations, attention_weights)
    )
    with torch.autocast(value.device.type, enabled=False):
        if value.is_cuda and has_cuda_kernel():
            output = MultiScaleDeformableAttnFunction.apply(
                value.contiguous(),
                spatial_shapes,
                level_start_index,
                sampling_locations.contiguous(),
                attention_weights.contiguous(),
                largest_divisor(value.shape[0], im2col_step),
            )
        else:
            # mmcv loops over the shapes: from a GPU each would be a synchronisation
            output = multi_scale_deformable_attn_pytorch(
                value, spatial_shapes.tolist(), sampling_locations, attention_weights
            )
    return output.to(dtype)


@MODELS.register_module()
class DeformableAttention(MultiScaleDeformableAttention):
    """mmcv's multi-scale deformable attention, same parameters, with the kernel chosen by what is
    there.

    mmcv chooses the compiled operator by device alone: on a GPU without it, it cannot run.
    Arguments and initial values are those of ``mmcv.ops.MultiScaleDeformableAttention``.
    """

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        identity: Tensor | None = None,
        query_pos: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        reference_points: Tensor | None = None,
        spatial_shapes: Tensor | None = None,
        level_start_index: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor:
        """Attend and add the residual.

        Args:
            query (Tensor): (N, Q, D), or (Q, N, D) unless ``batch_first``.
            key (Tensor, optional): Not used, in the signature of all of mmcv's attentions.
            value (Tensor, optional): (N, S, D), the query by default.
            identity (Tensor, optional): The residual, the query by default.
            query_pos (Tensor, optional): Added to the query, not to the value.
            key_padding_mask (Tensor, optional): (N, S) bool, True on tokens to leave out.
            reference_points (Tensor): (N, Q, levels, 2) x and y in [0, 1], or (.., 4) boxes.
            spatial_shapes (Tensor): (levels, 2) int64.
            level_start_index (Tensor): (levels,) int64.
            **kwargs (object): What other attentions take.

        Returns:
            Tensor: Like the query.

        Raises:
            ValueError: If the reference points have neither 2 nor 4 coordinates.
        """
        value = query if value is None else value
        identity = query if identity is None else identity
        query = query if query_pos is None else query + query_pos
        if not self.batch_first:
            query, value = query.transpose(0, 1), value.transpose(0, 1)
        value = self.value_proj(value)
        if key_padding_mask is not None:
            value = value.masked_fill(key_padding_mask[..., None], 0.0)
        value = value.unflatten(-1, (self.num_heads, -1))

        points = (self.num_heads, self.num_levels, self.num_points)
        offsets = self.sampling_offsets(query).unflatten(-1, (*points, 2))
        weights = self.attention_weights(query).unflatten(-1, (self.num_heads, -1)).softmax(-1)
        locations = self._sampling_locations(offsets, reference_points, spatial_shapes)
        output = deformable_attention(
            value,
            spatial_shapes,
            level_start_index,
            locations,
            weights.unflatten(-1, points[1:]),
            self.im2col_step,
        )
        output = self.output_proj(output)
        if not self.batch_first:
            output = output.transpose(0, 1)
        return self.dropout(output) + identity

    def _sampling_locations(self, offsets: Tensor, reference: Tensor, shapes: Tensor) -> Tensor:
        reference = reference[:, :, None, :, None]
        if reference.shape[-1] == 2:
            return reference + offsets / shapes.flip(-1)[None, None, None, :, None]
        if reference.shape[-1] == 4:
            return reference[..., :2] + offsets / self.num_points * reference[..., 2:] * 0.5
        raise ValueError(
            f'Reference points must have 2 or 4 coordinates, got {reference.shape[-1]}.'
        )


class DeformableEncoderLayer(DeformableDetrTransformerEncoderLayer):
    """mmdet's Deformable-DETR encoder layer with :class:`DeformableAttention`."""

    def _init_layers(self) -> None:
        super()._init_layers()
        self.self_attn = DeformableAttention(**self.self_attn_cfg)


class DeformableEncoder(DeformableDetrTransformerEncoder):
    """mmdet's Deformable-DETR encoder with layers of :class:`DeformableAttention`.

    mmdet's ``num_cp``, the number of layers with activation checkpointing, needs no fairscale here.
    """

    def _init_layers(self) -> None:
        self.layers = ModuleList(
            DeformableEncoderLayer(**self.layer_cfg) for _ in range(self.num_layers)
        )
        for layer in self.layers[: max(self.num_cp, 0)]:
            checkpoint_module(layer)
        self.embed_dims = self.layers[0].embed_dims


def init_encoder(encoder: DeformableEncoder) -> None:
    """Initial values of Mask2Former's official code: uniform Xavier, and mmcv's for the attentions.

    Source: VCT, sheet section 5.4.
    """
    for parameter in encoder.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
    for module in encoder.modules():
        if isinstance(module, DeformableAttention):
            module.init_weights()

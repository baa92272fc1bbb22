# Copyright (c) mmavs developers. All rights reserved.
"""Parameters and floating-point operations of a segmentor, by part."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttention
from mmengine.analysis import FlopAnalyzer
from mmengine.analysis.jit_handles import get_shape
from torch import Tensor, nn

_SPLIT = ('decode_head',)
"""tuple[str]: Parts whose own parts are listed too."""


@dataclass
class Complexity:
    """What a segmentor costs.

    Attributes:
        parts (list[str]): Names of modules; those with a dot are inside an earlier one.
        trainable (dict[str, int]): Parameters that get gradients, by part; ``''``: in all.
        frozen (dict[str, int]): Parameters that get none, likewise.
        flops (dict[str, int]): Operations, likewise; empty if they were not counted.
        operators (dict[str, int]): Operations in all, by operator.
        uncounted (dict[str, int]): Calls of operators that count as nothing.
    """

    parts: list[str]
    trainable: dict[str, int]
    frozen: dict[str, int]
    flops: dict[str, int] = field(default_factory=dict)
    operators: dict[str, int] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)


def count_parameters(model: nn.Module) -> Complexity:
    """Count parameters; a model on the meta device will do.

    Args:
        model (nn.Module): Such as an ``AVSegmentor``.

    Returns:
        Complexity: Without operations.
    """
    parts = [name for name in part_names(model) if any(_numbers(model.get_submodule(name)))]
    trainable, frozen = {}, {}
    for name in ('', *parts):
        trainable[name], frozen[name] = _numbers(model.get_submodule(name))
    return Complexity(parts, trainable, frozen)


def count_flops(model: nn.Module, inputs: dict[str, Tensor]) -> Complexity:
    """Count parameters, and the operations of a forward pass in eval mode.

    One multiplication with its addition is one operation, as mmengine and the papers count. Counted
    are convolutions, matrix products and attentions exactly; norms, resizing and sampling by
    mmengine's factors; deformable attention as four operations for each value that is sampled and
    one for its weight. All other operators (activations, sums, softmax, FFT) are listed in
    ``uncounted``.

    Args:
        model (nn.Module): An ``AVSegmentor`` on the CPU, whatever its weights.
        inputs (dict[str, Tensor]): What its data preprocessor gives.

    Returns:
        Complexity: Operations for all clips of the inputs together.
    """
    complexity = count_parameters(model)
    model.eval()
    analyzer = FlopAnalyzer(_Positional(model, tuple(inputs)), tuple(inputs.values()))
    analyzer.set_op_handle(**_HANDLES)
    analyzer.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    with torch.no_grad(), _weighted_sums(model) as sums:
        counts = analyzer.by_module()
    for name in ('', *complexity.parts):
        inside = sum(flops for module, flops in sums.items() if _is_inside(module, name))
        complexity.flops[name] = round(counts[f'model.{name}'.rstrip('.')] + inside)
    operators = analyzer.by_operator() + Counter(deformable_sum=sums.total())
    complexity.operators = {name: round(flops) for name, flops in operators.most_common()}
    complexity.uncounted = dict(analyzer.unsupported_ops().most_common())
    return complexity


def part_names(model: nn.Module) -> Iterator[str]:
    """Names of the parts of a segmentor, those of its head after the head."""
    for name, module in model.named_children():
        yield name
        if name in _SPLIT:
            yield from (f'{name}.{child}' for child, _ in module.named_children())


def _numbers(module: nn.Module) -> tuple[int, int]:
    """Trainable and frozen parameters."""
    numbers = [0, 0]
    for parameter in module.parameters():
        numbers[not parameter.requires_grad] += parameter.numel()
    return numbers[0], numbers[1]


def _is_inside(module: str, part: str) -> bool:
    return not part or module == part or module.startswith(f'{part}.')


class _Positional(nn.Module):
    """Tracing takes and gives tensors, a segmentor takes and gives more than that."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        outputs = self.model(dict(zip(self.names, values)), None, mode='tensor')
        return tuple(_tensors(vars(outputs)))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


@contextmanager
def _weighted_sums(model: nn.Module) -> Iterator[Counter]:
    """Operations of the weighted sums in deformable attentions: element-wise, so not traced.

    Yields:
        Counter: By name of the module, filled as they run.
    """
    sums: Counter = Counter()

    def counter(name: str, module: MultiScaleDeformableAttention) -> Callable:
        samples = module.num_levels * module.num_points

        def count(_: nn.Module, inputs: Any, output: Tensor) -> None:
            sums[name] += int(output.numel()) * samples  # a tensor while it is traced

        return count

    hooks = [
        module.register_forward_hook(counter(name, module))
        for name, module in model.named_modules()
        if isinstance(module, MultiScaleDeformableAttention)
    ]
    try:
        yield sums
    finally:
        for hook in hooks:
            hook.remove()


def _matmul_flops(inputs: list, outputs: list) -> int:
    """The counter of mmengine is wrong where the second factor is broadcast over the first."""
    return math.prod(get_shape(outputs[0])) * get_shape(inputs[0])[-1]


def _baddbmm_flops(inputs: list, outputs: list) -> int:
    return math.prod(get_shape(outputs[0])) * get_shape(inputs[1])[-1]


def _einsum_flops(inputs: list, outputs: list) -> int:
    """One operation for each combination of indices; mmengine rounds to four digits.

    Raises:
        ValueError: If there are not two factors.
    """
    equation = inputs[0].toIValue().replace(' ', '')
    factors = equation.split('->')[0].split(',')
    shapes = [get_shape(value) for value in inputs[1].node().inputs()]
    if len(factors) != 2 or '.' in equation:
        raise ValueError(f'Operations of einsum("{equation}") cannot be counted: two factors only.')
    sizes = {
        letter: n for factor, shape in zip(factors, shapes) for letter, n in zip(factor, shape)
    }
    return math.prod(sizes.values())


def _attention_flops(inputs: list, outputs: list) -> int:
    """Products of queries with keys, and of weights with values."""
    queries, keys = get_shape(inputs[0]), get_shape(inputs[1])
    channels = queries[-1] + get_shape(inputs[2])[-1]
    return math.prod(queries[:-1]) * keys[-2] * channels


_NO_ARITHMETIC = [
    f'aten::{name}'
    for name in (
        'alias',
        'broadcast_tensors',
        'flip',
        'index_select',
        'linspace',
        'meshgrid',
        'mT',
        'movedim',
        'new_ones',
        'numpy_T',
        'ones_like',
        'repeat',
        'repeat_interleave',
        'resolve_conj',
        'resolve_neg',
        'unflatten',
        'unfold',
        'view_as',
        'where',
    )
]
"""list[str]: Operators that move values, beside those that mmengine knows."""

_HANDLES = {
    'aten::matmul': _matmul_flops,
    'aten::mm': _matmul_flops,
    'aten::baddbmm': _baddbmm_flops,
    'aten::einsum': _einsum_flops,
    'aten::scaled_dot_product_attention': _attention_flops,
    **dict.fromkeys(_NO_ARITHMETIC),
}

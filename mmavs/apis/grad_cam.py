# Copyright (c) mmavs developers. All rights reserved.
"""Grad-CAM of a segmentor: which parts of frames and of sound a prediction rests on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmavs.structures import AVSDataSample


class ClipCams(NamedTuple):
    """What a clip's prediction rests on, by frame.

    Attributes:
        frames (Tensor): (T, h, w) float32 in [0, 1], 1 at the strongest place of the clip.
        sound (Tensor): (T, h', w'), likewise, time first.
        classes (list[int]): Which class each frame was asked about; of binary tasks always 1.
    """

    frames: Tensor
    sound: Tensor
    classes: list[int]


class LayerTap:
    """Keeps what a layer gives, so that gradients with respect to it can be taken.

    The layer's output is cut from what comes before it: nothing there needs memory or gradients.

    Args:
        model (nn.Module): The model.
        name (str): Of a module in it. One that gives a tuple of maps is tapped at the last.

    Raises:
        ValueError: If there is no such module; names the modules that are there instead.
    """

    def __init__(self, model: nn.Module, name: str) -> None:
        self.name = name
        self.output: Tensor | None = None
        try:
            module = model.get_submodule(name)
        except AttributeError:
            parent = name
            while parent and not _has(model, parent):
                parent = parent.rpartition('.')[0]
            inside = [child for child, _ in model.get_submodule(parent).named_children()]
            raise ValueError(
                f'The model has no layer "{name}"; in {parent or "it"} are {", ".join(inside)}.'
            ) from None
        self._handle = module.register_forward_hook(self._keep)

    def remove(self) -> None:
        """Let the layer be."""
        self._handle.remove()

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        is_tensor = isinstance(output, Tensor)
        last = output if is_tensor else output[-1]
        if not isinstance(last, Tensor) or last.ndim != 4:
            found = tuple(last.shape) if isinstance(last, Tensor) else type(last).__name__
            raise ValueError(
                f'Grad-CAM needs a layer that gives maps (N, C, h, w); "{self.name}" gives {found}.'
            )
        self.output = last.detach().requires_grad_()
        copy = self.output.clone()  # what follows may work in place, which a leaf does not allow
        return copy if is_tensor else (*output[:-1], copy)


def _has(model: nn.Module, name: str) -> bool:
    try:
        model.get_submodule(name)
    except AttributeError:
        return False
    return True


@contextmanager
def _thawed(encoder: nn.Module) -> Iterator[None]:
    """Let gradients through an encoder that is frozen; its weights still get none."""
    frozen = getattr(encoder, 'frozen', False)
    if frozen:
        encoder.frozen = False
    try:
        yield
    finally:
        if frozen:
            encoder.frozen = True


def clip_cams(
    model: nn.Module,
    inputs: dict[str, Tensor],
    samples: list[AVSDataSample] | None,
    visual_layer: str = 'backbone',
    audio_layer: str = 'audio_encoder.features',
    label: int | None = None,
) -> ClipCams:
    """Grad-CAM of the frames and the sound of one clip.

    A map is the ReLU of the sum of a layer's channels, each times the mean of its gradient. The
    gradient is that of the mean score of the pixels that are predicted as the class, or of all
    pixels where none is, summed over frames.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks", eq. 1 and 2, with
    pixels summed as in Vinogradova et al., "Towards Interpretable Semantic Segmentation via
    Gradient-weighted Class Activation Mapping".

    Args:
        model (nn.Module): An ``AVSegmentor`` in eval mode.
        inputs (dict[str, Tensor]): What its data preprocessor gave for one clip.
        samples (list[AVSDataSample], optional): Likewise.
        visual_layer (str): Gives a map of each frame, or a tuple of which the last is taken.
            Defaults to ``'backbone'``.
        audio_layer (str): Gives a map (N, C, time, frequency) of the sound of each frame.
            Defaults to ``'audio_encoder.features'``, which VGGish has.
        label (int, optional): Class that is asked about. Defaults to None: of each frame the class
            that most of its pixels have, background apart.

    Returns:
        ClipCams: On the CPU.

    Raises:
        ValueError: If a layer or class is not there, or a layer gives no maps of all frames.
    """
    taps = [LayerTap(model, visual_layer)]
    try:
        taps.append(LayerTap(model, audio_layer))
        with torch.enable_grad(), _thawed(model.audio_encoder):
            logits = model.encode_decode(inputs, samples)
            score, classes = target_score(logits, label)
            kept = [_tapped(tap, len(logits)) for tap in taps]
            gradients = torch.autograd.grad(score, kept, allow_unused=True)
    finally:
        for tap in taps:
            tap.remove()
    maps = [
        torch.zeros_like(output[:, 0]) if gradient is None else grad_cam(output, gradient)
        for output, gradient in zip(kept, gradients)
    ]
    frames, sound = (values.detach().float().cpu() for values in maps)
    return ClipCams(*(x / x.max().clamp(min=1e-12) for x in (frames, sound)), classes)


def _tapped(tap: LayerTap, num_frames: int) -> Tensor:
    if tap.output is None or len(tap.output) != num_frames:
        found = 'nothing' if tap.output is None else f'{len(tap.output)} maps'
        raise ValueError(
            f'Layer "{tap.name}" gave {found} for {num_frames} frames: choose one that is called '
            'once, with all frames.'
        )
    return tap.output


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Weigh channels by the mean of their gradients, add them up, keep what is positive.

    Args:
        activations (Tensor): (N, C, h, w).
        gradients (Tensor): Of the score, likewise.

    Returns:
        Tensor: (N, h, w), at least 0.
    """
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * activations).sum(1).relu()


def target_score(logits: Tensor, label: int | None) -> tuple[Tensor, list[int]]:
    """What the gradients are taken of.

    Args:
        logits (Tensor): (N, K, H, W), or scores of query heads.
        label (int, optional): See :func:`clip_cams`.

    Returns:
        tuple[Tensor, list[int]]: A scalar, and the class of each frame.

    Raises:
        ValueError: If there is no such class.
    """
    num_classes = max(logits.shape[1], 2)
    if label is not None and not 0 <= label < num_classes:
        raise ValueError(
            f'There is no class {label}, the model tells 0 to {num_classes - 1} apart.'
        )
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], 1)  # the sigmoid as a softmax
    predicted = logits.argmax(1)
    scores, classes = [], []
    for frame, labels in zip(logits, predicted):
        chosen = _most_common(labels, num_classes) if label is None else label
        if chosen is None:  # nothing is predicted: the class that comes closest to it
            chosen = 1 + int(frame[1:].flatten(1).max(1).values.argmax())
        region = labels == chosen
        scores.append(frame[chosen][region].mean() if region.any() else frame[chosen].mean())
        classes.append(chosen)
    return torch.stack(scores).sum(), classes


def _most_common(labels: Tensor, num_classes: int) -> int | None:
    counts = labels.flatten().bincount(minlength=num_classes)
    counts[0] = 0
    return int(counts.argmax()) if counts.any() else None


def class_index(names: Sequence[str], wanted: str | None) -> int | None:
    """The number of a class that is given by name or number.

    Raises:
        ValueError: If there is none of that name.
    """
    if wanted is None or wanted.isdigit():
        return None if wanted is None else int(wanted)
    if wanted not in names:
        raise ValueError(f'There is no class "{wanted}", expected a number or: {", ".join(names)}.')
    return list(names).index(wanted)

# Copyright (c) mmavs developers. All rights reserved.
"""CPM's trainer: one pass for the result, and in training a second one with prompts of classes."""

from typing import Any

import torch
from torch import Tensor

from mmavs.models.audio.log_mel import linear_magnitude, log_magnitude
from mmavs.models.losses.frame_targets import present_labels
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, AVSDataSample, MaskOutputs

from .avsegmentor import AVSegmentor
from .loaded_frames import heard_frames


@MODELS.register_module()
class CPMSegmentor(AVSegmentor):
    """:class:`AVSegmentor` with CPM's two-pass training step (sheet cpm.md, section 6).

    Pass A is what every segmentor does, and all of a test. In training the queries that were
    matched go to the mixtures of their classes. Pass B draws a prompt for each class of a frame,
    which hears the frame's sound mixed with another one, and adds ``lambda`` times the losses of
    the prompts. Image features are those of pass A; both sounds are encoded together, so that
    batch norms see one batch.

    The EM step of an iteration's queries is made when the next iteration begins: after the step of
    the optimizer, as the mixtures are in the graph until then. The buffers say that it is due, so
    a resumed run makes it too.

    A process whose frames give no prompt runs one of no class, whose losses are zero: each step
    reaches the same parameters on all processes.

    Args:
        mixing (dict, optional): ``DisjointMixing``. Defaults to that, with sounds of the batch.
        lambda_prompt (float): Weight of the losses of the prompts. Defaults to 0.5.
        warmup_iters (int): Iterations without prompts, an epoch or more. Defaults to 0.
        **kwargs (Any): Of :class:`AVSegmentor`; ``audio_encoder`` is an ``ExampleEncoder`` with a
            pyramid, ``decode_head`` a :class:`CPMHead`.

    Raises:
        ValueError: If the encoder takes no spectrograms, or the head no prompts.
    """

    prompt_iters: Tensor

    def __init__(
        self,
        mixing: dict | None = None,
        lambda_prompt: float = 0.5,
        warmup_iters: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not hasattr(self.audio_encoder, 'encode'):
            raise ValueError(
                f'CPMSegmentor mixes spectrograms, which {type(self.audio_encoder).__name__} does '
                'not take: set model.audio_encoder to VGGish or AudioResNet.'
            )
        if not hasattr(self.decode_head, 'prompt'):
            raise ValueError(
                f'CPMSegmentor prompts by class, {type(self.decode_head).__name__} cannot: set '
                'model.decode_head to CPMHead, or model.type to AVSegmentor.'
            )
        self.mixing = MODELS.build(mixing or dict(type='DisjointMixing'))
        self.lambda_prompt = lambda_prompt
        self.warmup_iters = warmup_iters
        self.register_buffer('prompt_iters', torch.zeros((), dtype=torch.int64))

    def loss(self, inputs: dict[str, Tensor], data_samples: list[AVSDataSample]) -> dict:
        """Losses of both passes.

        Args:
            inputs (dict[str, Tensor]): What the data preprocessor gives.
            data_samples (list[AVSDataSample]): With ground truth and flags.

        Returns:
            dict[str, Tensor]: Scalars by name: those of the head, and those of the prompts, which
            are weighted by ``lambda_prompt``.

        Raises:
            ValueError: If a sample has no ground truth.
        """
        valid, *truth = self._ground_truth(inputs, data_samples)
        target, annotated = truth[:2]
        head = self.decode_head
        head.classifier.em_update()
        audio = inputs['audio']
        heard = heard_frames(audio, inputs['imgs'].shape[1], data_samples)
        examples = self.audio_encoder.examples(audio, *heard).flatten(0, 1)[valid]
        if not head.has_prompts:
            sound = self.audio_encoder.encode(examples)
            outputs = self._forward_rows(inputs, data_samples, valid, sound)
            return head.loss(outputs, *truth)
        present = present_labels(target)[:, : head.num_classes] & annotated[:, None]
        classes, rows = self._prompts(present)
        offset = self.audio_encoder.log_offset
        clean = linear_magnitude(examples, offset)
        mixed, usable = self.mixing(clean, present, self.audio_encoder.frontend)
        # ACP explains the whole sound, so each class that sounds needs its prompt.
        usable = usable & ((classes > 0).sum(1) == present[:, 1:].sum(1))
        both = torch.cat([examples, log_magnitude(mixed[rows], offset)])
        sound = self.audio_encoder.encode(both)
        numbers = torch.arange(len(both), device=both.device)
        outputs = self._forward_rows(
            inputs, data_samples, valid, sound.rows(numbers[: len(examples)])
        )
        losses = head.loss(outputs, *truth)
        prompted = self._prompt_losses(
            outputs,
            classes[rows],
            rows,
            sound.rows(numbers[len(examples) :]),
            dict(clean=clean[rows], mixed=mixed[rows], usable=usable[rows]),
            target,
            annotated,
        )
        losses.update((name, self.lambda_prompt * loss) for name, loss in prompted.items())
        return losses

    def _prompts(self, present: Tensor) -> tuple[Tensor, Tensor]:
        """Classes (V, P) of the prompts, and the R rows that have one, or a single one that has
        none.
        """
        classes = self.decode_head.wanted_prompts(present)
        if self.training:
            if self.prompt_iters < self.warmup_iters:
                classes = classes[:, :1].fill_(-1)
            self.prompt_iters += 1
        rows = (classes >= 0).any(1).nonzero().flatten()
        return classes, rows if len(rows) else rows.new_zeros(1)

    def _prompt_losses(
        self,
        outputs: MaskOutputs,
        classes: Tensor,
        rows: Tensor,
        sound: AudioFeatures,
        magnitudes: dict[str, Tensor],
        target: Tensor,
        annotated: Tensor,
    ) -> dict[str, Tensor]:
        """Pass B on R rows, not yet weighted."""
        head, pixels = self.decode_head, outputs.aux['mask_feature']
        sources = {name: outputs.aux['sources'][name][rows] for name in head.decoder.sources}
        found = head.prompt(classes, sound, sources, pixels[rows])
        return head.prompt_losses(
            found, classes, target[rows], magnitudes, pixels[annotated], target[annotated]
        )
